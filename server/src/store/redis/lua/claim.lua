-- Takes messages that have expired, for a few seconds: another node takes them up if this one dies.
-- KEYS: ends. ARGV: now, limit, for how long
local claimed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local scores = {}
for _, name in ipairs(claimed) do
  scores[#scores + 1], scores[#scores + 2] = ARGV[1] + ARGV[3], name
end
if #claimed > 0 then redis.call('ZADD', KEYS[1], unpack(scores)) end
return claimed
