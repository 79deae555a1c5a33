-- Stores a key. KEYS: records, ids, by channel. ARGV: id, record, most keys, channel; where it bars an id, the
-- announcement channel
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, ARGV[4] .. ' ' .. ARGV[1])
if ARGV[5] then redis.call('PUBLISH', ARGV[5], 'R ' .. ARGV[1]) end
return 1
