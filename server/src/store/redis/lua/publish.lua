-- Stores a message and announces it.
-- ARGV: id, digest, deliver_at, expires_at, size, JSON, most messages, most bytes, retention, announcement channel, mailbox
local id, digest, deliver, expires, size, json = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local known = redis.call('GET', p .. 'm:' .. id)
if known then
  local message = parse(known)
  if not message or message.digest ~= digest then return { 'conflict' } end
  return { 'repeated', known, redis.call('HMGET', p .. 'r:' .. id, '#d', '#a', '#c') }
end
if tonumber(expires) <= tonumber(deliver) then return { 'expired' } end
local load = redis.call('HMGET', p .. 'load', 'n', 'b', 's')
if tonumber(load[1] or 0) >= tonumber(ARGV[7]) then return { 'full', 'number' } end
if tonumber(load[2] or 0) + tonumber(size) > tonumber(ARGV[8]) then return { 'full', 'size' } end
-- Sequence numbers are microseconds: they go on rising when a mailbox has vanished and come into being again.
local time = redis.call('TIME')
local seq = string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(load[3] or 0) + 1))
redis.call('HSET', p .. 'load', 's', seq)
-- Receipts of a message that had this id, and was lost.
redis.call('DEL', p .. 'r:' .. id, p .. 't:' .. id)
local line = table.concat({ 'A', seq, deliver, expires, size, digest, json }, ' ')
insert(string.format('%016.0f', seq) .. id, id, line, parse(line), tonumber(expires) + tonumber(ARGV[9]))
redis.call('PUBLISH', ARGV[10], 'P ' .. ARGV[11] .. ' ' .. line)
return { 'stored', line }
