-- Puts back a message that the store has lost, as it was. ARGV: id, line, retention. Returns whether it was missing.
local id, line = ARGV[1], ARGV[2]
local message = parse(line)
if not message or message.expires <= now_ms() or redis.call('EXISTS', p .. 'm:' .. id) == 1 then return 0 end
insert(string.format('%016.0f', message.seq) .. id, id, line, message, message.expires + tonumber(ARGV[3]))
if tonumber(redis.call('HGET', p .. 'load', 's') or 0) < tonumber(message.seq) then
  redis.call('HSET', p .. 'load', 's', message.seq)
end
return 1
