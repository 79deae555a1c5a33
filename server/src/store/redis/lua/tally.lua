-- Counts some of a mailbox's live messages: scheduled, pending, delivered, acknowledged, and whether there are more.
-- ARGV: how many were counted, how many to count
local now, counts = now_ms(), { 0, 0, 0, 0, 0 }
local rows = redis.call('ZRANGE', p .. 'due', ARGV[1], ARGV[1] + ARGV[2] - 1, 'WITHSCORES')
for i = 1, #rows, 2 do
  local keys = redis.call('HMGET', p .. 'r:' .. id_of(rows[i]), '#d', '#a')
  local state = tonumber(rows[i + 1]) > now and 1 or 2
  if tonumber(keys[1] or 0) > 0 then state = 3 end
  if tonumber(keys[2] or 0) > 0 then state = 4 end
  counts[state] = counts[state] + 1
end
if #rows == 2 * tonumber(ARGV[2]) then counts[5] = 1 end
return counts
