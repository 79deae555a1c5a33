-- Notes something that happened to a message. ARGV: id, sequence number, note as JSON, most notes
local id, seq, most = ARGV[1], ARGV[2], tonumber(ARGV[4])
local notes = p .. 't:' .. id
local head = redis.call('GETRANGE', p .. 'm:' .. id, 0, 23)
if string.match(head, '^A (%d+) ') ~= seq or redis.call('LLEN', notes) >= most then return end
redis.call('RPUSH', notes, ARGV[3])
keep(notes, redis.call('PEXPIRETIME', p .. 'm:' .. id))
