-- Puts back a message that the store has lost, as it was. ARGV: id, line, retention, mailbox. Returns whether it was
-- missing.
local id, line, now = ARGV[1], ARGV[2], now_ms()
local message = parse(line)
if not message or message.expires <= now then return 0 end
local till, minute = number(message.expires + ARGV[3]), nil
if message.deliver > now + 45000 then minute = number(math.floor(message.deliver / 60000)) end
if not redis.call('SET', p .. 'm:' .. id, line, 'NX', 'PXAT', till) then return 0 end
local load, endings = counters(), {}
for _, name in ipairs({ 'deliver', 'expires', 'size' }) do message[name] = number(message[name]) end
local member, size = member_of(message.seq, id), message.size
insert(load, ARGV[4], member, message.seq, message.deliver, message.expires, size, till, minute, endings)
redis.call('ZADD', ends, unpack(endings))
save(load)
-- It lies before what some keys may have settled.
redis.call('DEL', p .. 'w')
return 1
