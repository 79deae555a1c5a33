-- Deletes a key, says so, and keeps saying so for an hour. KEYS: records, ids, revocations, by channel, uses.
-- ARGV: id, announcement channel, and how: `delete`, `spare` what is barred, or `bar` with a record that bars the id and
-- most keys. Returns whether there was a key, or the id is barred.
local id, how, bar = ARGV[1], ARGV[3], ARGV[4]
local record = redis.call('HGET', KEYS[1], id)
if how == 'spare' and record and string.find(record, '"kind":"barred"', 1, true) then return 0 end
if how == 'bar' and not record and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
local channel = record and string.match(record, '"channel":"([^"]*)"')
if channel then redis.call('ZREM', KEYS[4], channel .. ' ' .. id) end
redis.call('HDEL', KEYS[5], id, id .. ' first')
if how == 'bar' then
  redis.call('HSET', KEYS[1], id, bar)
  redis.call('ZADD', KEYS[2], 0, id)
  redis.call('ZADD', KEYS[4], 0, ' ' .. id)
else
  if redis.call('HDEL', KEYS[1], id) == 0 then return 0 end
  redis.call('ZREM', KEYS[2], id)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], now, id)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 3600000)
redis.call('PEXPIRE', KEYS[3], 3600000)
redis.call(string.byte(ARGV[2], 4) == 123 and 'SPUBLISH' or 'PUBLISH', ARGV[2], 'R ' .. id)
return 1
