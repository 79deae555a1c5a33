-- Reads a mailbox on, a page at a time. ARGV: sequence number or '', due from, due until, to pass over of the first
-- moment, most messages. Returns the last sequence number; what was stored after the first; whether there is more of
-- it; moment and line of what falls due between the moments; whether there is more of that. What has expired and is not
-- retired yet is among them: this server's clock may have leapt, and nodes look at their own before they emit.
local most = tonumber(ARGV[5])
local stored, due, more_stored, more_due = {}, {}, 0, false
if ARGV[1] ~= '' then
  local rows = redis.call('XRANGE', p .. 'new', '(' .. ARGV[1], '+', 'COUNT', most)
  for _, row in ipairs(rows) do
    local line = redis.call('GET', p .. 'm:' .. id_of(row[2][2]))
    if parse(line) then stored[#stored + 1] = line end
  end
  if #rows == most then more_stored = string.match(rows[#rows][1], '^%d+') end
end
local rows = redis.call('ZRANGEBYSCORE', p .. 'due', ARGV[2], ARGV[3], 'WITHSCORES', 'LIMIT', ARGV[4], most)
for i = 1, #rows, 2 do
  local line = redis.call('GET', p .. 'm:' .. id_of(rows[i]))
  if parse(line) then due[#due + 1] = line end
end
if #rows == 2 * most then
  local last, same = rows[#rows], 0
  for i = 2, #rows, 2 do
    if rows[i] == last then same = same + 1 end
  end
  if last == ARGV[2] then same = same + ARGV[4] end
  more_due = { last, same }
end
return { redis.call('HGET', p .. 'load', 's') or '0', stored, more_stored, due, more_due }
