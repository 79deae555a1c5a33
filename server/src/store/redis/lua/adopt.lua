-- Takes over what release 0.1 has stored in a mailbox, so that it is retired as everything else. While both releases
-- run, it is done again and again. KEYS: prefix, ends, soon, index of that release. ARGV: mailbox, limit
local rows = redis.call('ZRANGE', p .. 'exp', 0, ARGV[2] - 1, 'WITHSCORES')
local now = now_ms()
for i = 1, #rows, 2 do
  local member, line = rows[i], redis.call('GET', p .. 'm:' .. id_of(rows[i]))
  local message = parse(line)
  if message then
    redis.call('ZADD', ends, number(message.expires), ending(ARGV[1], member, message.size, number(message.deliver)))
    if message.deliver > now then
      local minute = soon .. number(math.floor(message.deliver / 60000))
      redis.call('SADD', minute, ARGV[1])
      redis.call('PEXPIREAT', minute, number(message.deliver + HOUR))
    end
  end
  -- A later release's message is left to that, in nobody's way.
  if message or not line then redis.call('ZREM', p .. 'exp', member)
  else redis.call('ZADD', p .. 'exp', number(now + 60000), member) end
end
local left = redis.call('ZRANGE', p .. 'exp', 0, 0, 'WITHSCORES')
if left[2] and tonumber(left[2]) > now then redis.call('ZADD', KEYS[4], left[2], ARGV[1])
elseif not left[2] then redis.call('ZREM', KEYS[4], ARGV[1]) end
return #rows / 2
