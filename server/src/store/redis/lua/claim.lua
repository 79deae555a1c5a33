-- Takes mailboxes whose first message has expired, for a few seconds: another node takes them up if this one dies.
-- KEYS: the index of expiries. ARGV: now, limit, for how long
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, name in ipairs(names) do redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[3], name) end
return names
