-- Stores a message and announces it.
-- ARGV: id, digest, deliver_at, expires_at, size, JSON, most messages, most bytes, retention, announcement channel,
-- mailbox, created_at
local id, digest, deliver, expires, size, json = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local mailbox, created = ARGV[11], tonumber(ARGV[12])
local function known_as(line)
  local message = parse(line)
  if not message or message.digest ~= digest then return { 'conflict' } end
  return { 'repeated', line, counts_of(id, message.seq) }
end
local load = redis.call('HMGET', p .. 'load', 'n', 'b', 's', 'x', 'w')
local why = nil
if tonumber(expires) <= tonumber(deliver) then why = { 'expired' }
elseif tonumber(load[1] or 0) >= tonumber(ARGV[7]) then why = { 'full', 'number' }
elseif tonumber(load[2] or 0) + tonumber(size) > tonumber(ARGV[8]) then why = { 'full', 'size' } end
if why then
  -- What came before is still answered as what it is.
  local known = redis.call('GET', p .. 'm:' .. id)
  return known and known_as(known) or why
end
-- Sequence numbers are microseconds: they go on rising when a mailbox has vanished and come into being again.
local seq = number(math.max(created * 1000, tonumber(load[3] or 0) + 1))
local line = table.concat({ 'A', seq, deliver, expires, size, digest, json }, ' ')
local till = tonumber(expires) + tonumber(ARGV[9])
local known = redis.call('SET', p .. 'm:' .. id, line, 'NX', 'GET', 'PXAT', number(till))
if known then return known_as(known) end
local member = member_of(seq, id)
local message = { seq = seq, deliver = tonumber(deliver), expires = tonumber(expires), size = size }
local lives = insert(mailbox, member, message, load, till, created)
-- What was stored ten minutes ago, every node has read on.
redis.pcall('XADD', p .. 'new', 'MINID', '~', number(math.max(0, created - 600000) * 1000), seq .. '-0', 'm', member)
prolong(lives)
announce(ARGV[10], 'P ' .. mailbox .. ' ' .. line)
return { 'stored', line }
