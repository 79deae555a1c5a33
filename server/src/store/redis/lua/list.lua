-- A mailbox's messages, live and ended, the latest first. ARGV: before deliver_at or '', before member, limit
local before, first, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local found, sets = {}, { 'due', 'old' }
local six_hours = six_hours_of(now_ms())
for at = six_hours - 5, six_hours + 1 do sets[#sets + 1] = 'old:' .. number(at) end
for _, set in ipairs(sets) do
  local offset, count = 0, 0
  while count < limit do
    local rows = redis.call('ZREVRANGEBYSCORE', p .. set, before or '+inf', '-inf', 'WITHSCORES', 'LIMIT', offset, 64)
    if #rows == 0 then break end
    offset = offset + 64
    for i = 1, #rows, 2 do
      local member, moment = rows[i], tonumber(rows[i + 1])
      local ahead = before and moment == before and member >= first
      if not ahead and count < limit and redis.call('EXISTS', p .. 'm:' .. id_of(member)) == 1 then
        found[#found + 1] = { moment, member }
        count = count + 1
      end
    end
  end
end
table.sort(found, function(a, b)
  if a[1] ~= b[1] then return a[1] > b[1] end
  return a[2] > b[2]
end)
local answer = {}
for i = 1, math.min(limit, #found) do
  local id = id_of(found[i][2])
  local line = redis.call('GET', p .. 'm:' .. id)
  local message = parse(line)
  answer[i] = { line, counts_of(id, message and message.seq) }
end
return answer
