-- Withdraws a message that is not due yet. ARGV: id, announcement channel, mailbox
local id = ARGV[1]
local message = parse(redis.call('GET', p .. 'm:' .. id))
if not message then return 'unknown' end
if redis.call('HGET', p .. 'r:' .. id, '#c') then return 'done' end
if message.deliver <= now_ms() then return 'late' end
local member = string.format('%016.0f', message.seq) .. id
redis.call('HSET', p .. 'r:' .. id, '#c', 1)
keep(p .. 'r:' .. id, redis.call('PEXPIRETIME', p .. 'm:' .. id))
retire(member, id, message, false)
redis.call('PUBLISH', ARGV[2], table.concat({ 'C', ARGV[3], id, message.deliver, message.seq }, ' '))
return 'done'
