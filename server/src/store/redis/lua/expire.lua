-- Retires a mailbox's expired messages. ARGV: limit, '1' to forget them at once because memory is short.
-- Returns the next expiry or '', then id and number of keys for each that nobody acknowledged.
local now, forget = now_ms(), ARGV[2] == '1'
local unacknowledged = {}
local ended = redis.call('ZRANGEBYSCORE', p .. 'exp', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, member in ipairs(ended) do
  local id = id_of(member)
  local line = redis.call('GET', p .. 'm:' .. id)
  local message = parse(line)
  if message then
    local counts = redis.call('HMGET', p .. 'r:' .. id, '#d', '#a')
    if tonumber(counts[2] or 0) == 0 then
      unacknowledged[#unacknowledged + 1] = id
      unacknowledged[#unacknowledged + 1] = tonumber(counts[1] or 0)
    end
    retire(member, id, message, forget)
  elseif line then
    -- Another release's message is left to it; a minute later it is looked at again, in nobody's way.
    redis.call('ZADD', p .. 'exp', now + 60000, member)
  else
    for _, name in ipairs({ 'due', 'seq', 'exp' }) do redis.call('ZREM', p .. name, member) end
    redis.call('HINCRBY', p .. 'load', 'n', -1)
  end
end
-- What has vanished of ended messages; faster than others end.
for _, member in ipairs(redis.call('ZRANGE', p .. 'old', 0, 63 + 2 * #ended)) do
  if redis.call('EXISTS', p .. 'm:' .. id_of(member)) == 0 then redis.call('ZREM', p .. 'old', member) end
end
local next = redis.call('ZRANGE', p .. 'exp', 0, 0, 'WITHSCORES')
return { next[2] or '', unacknowledged }
