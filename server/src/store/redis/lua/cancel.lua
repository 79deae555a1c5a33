-- Withdraws a message that is not due yet. ARGV: id, announcement channel, mailbox; where the caller has seen it, its
-- sequence number, its moment, and the seal of those
local id = ARGV[1]
local message = parse(redis.call('GET', p .. 'm:' .. id))
if not message then return 'unknown' end
if counts_of(id, message.seq)[3] then return 'done' end
if message.deliver <= now_ms() then return 'late' end
local member = member_of(message.seq, id)
redis.call('HSET', p .. 'r:' .. id, '#c', 1, '#s', message.seq)
keep(p .. 'r:' .. id, redis.call('PEXPIRETIME', p .. 'm:' .. id))
if redis.call('ZREM', p .. 'due', member) == 1 then
  redis.call('HINCRBY', p .. 'load', 'n', -1)
  redis.call('HINCRBY', p .. 'load', 'b', -message.size)
end
redis.call('ZREM', ends, ending(ARGV[3], member, message.size, number(message.deliver)))
redis.call('XDEL', p .. 'new', message.seq)
-- Where release 0.1 has stored it.
redis.call('ZREM', p .. 'exp', member)
redis.call('ZREM', p .. 'seq', member)
-- Filed under the six hours in which it was cancelled.
archive(member, number(message.deliver), number(six_hours_of(now_ms())), nil)
local said = { 'C', ARGV[3], id, number(message.deliver), message.seq }
if tonumber(ARGV[4]) == tonumber(message.seq) and tonumber(ARGV[5]) == message.deliver then said[6] = ARGV[6] end
announce(ARGV[2], table.concat(said, ' '))
return 'done'
