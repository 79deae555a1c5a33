-- Deletes a key, says so, and keeps saying so for an hour. KEYS: records, ids, revocations, by channel,
-- uses. ARGV: id, announcement channel
local record = redis.call('HGET', KEYS[1], ARGV[1])
local channel = record and string.match(record, '"channel":"([^"]+)"')
if channel then redis.call('ZREM', KEYS[4], channel .. ' ' .. ARGV[1]) end
redis.call('HDEL', KEYS[5], ARGV[1], ARGV[1] .. ' first')
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 3600000)
redis.call('PEXPIRE', KEYS[3], 3600000)
redis.call('PUBLISH', ARGV[2], 'R ' .. ARGV[1])
return 1
