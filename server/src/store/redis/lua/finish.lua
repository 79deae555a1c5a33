-- Ends a claim, unless an earlier expiry has come in meanwhile. KEYS: the index of expiries.
-- ARGV: mailbox, the claim's moment, next expiry or ''
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) ~= tonumber(ARGV[2]) then return end
if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
