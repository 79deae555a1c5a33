-- Retires a mailbox's expired messages. ARGV: limit, '1' to forget them at once because memory is short, the moment by
-- the asking node's clock: this server's may have leapt.
-- Returns the next expiry or '', then id and number of keys for each that nobody acknowledged. Those stay in a list
-- until the node that asks has read them: its answer may be lost.
local now, forget = tonumber(ARGV[3]), ARGV[2] == '1'
local ended = redis.call('ZRANGEBYSCORE', p .. 'exp', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, member in ipairs(ended) do
  local id = id_of(member)
  local line = redis.call('GET', p .. 'm:' .. id)
  local message = parse(line)
  if message then
    local counts = redis.call('HMGET', p .. 'r:' .. id, '#d', '#a')
    if tonumber(counts[2] or 0) == 0 then
      redis.call('RPUSH', p .. 'told', id, tonumber(counts[1] or 0))
      keep(p .. 'told', now + 86400000)
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
local told = redis.call('LRANGE', p .. 'told', 0, 2 * ARGV[1] - 1)
-- More than fits: the mailbox is due again at once.
if redis.call('LLEN', p .. 'told') > #told then return { '0', told } end
return { next[2] or '', told }
