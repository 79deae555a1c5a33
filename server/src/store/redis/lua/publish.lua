-- Stores messages and announces them. ARGV: most bytes of a mailbox; then for each message the prefix of its mailbox's
-- keys, mailbox, id, earliest sequence number, created_at, deliver_at, expires_at, until when it is kept, size, most
-- messages, announcement channel, and its line behind the sequence number.
-- Returns for each its sequence number, or a list that says why it has none.
local most_bytes, loads, changed, endings, answers = tonumber(ARGV[1]), {}, {}, {}, {}

local function known_as(id, line, rest)
  local known, message = parse(line), parse('A 0 ' .. rest)
  if not known or known.digest ~= message.digest then return { 'conflict' } end
  return { 'repeated', line, counts_of(id, known.seq) }
end

local function publish(prefix, mailbox, id, seq, created, deliver, expires, till, size, most, channel, rest)
  p, created, deliver, expires, size = prefix, tonumber(created), tonumber(deliver), tonumber(expires), tonumber(size)
  local load, why = loads[p] or counters(), nil
  if expires <= deliver then why = { 'expired' }
  elseif load.n >= tonumber(most) then why = { 'full', 'number' }
  elseif load.b + size > most_bytes then why = { 'full', 'size' } end
  if why then
    -- What came before is still answered as what it is.
    local known = call('GET', p .. 'm:' .. id)
    return known and known_as(id, known, rest) or why
  end
  -- Sequence numbers are microseconds: they go on rising when a mailbox has vanished and come into being again.
  local wanted = tonumber(seq)
  if load.s >= wanted then
    wanted = load.s + 1
    seq = number(wanted)
  end
  local line = 'A ' .. seq .. ' ' .. rest
  local known = call('SET', p .. 'm:' .. id, line, 'NX', 'GET', 'PXAT', till)
  if known then return known_as(id, known, rest) end
  local member = member_of(seq, id)
  insert(mailbox, member, { seq = wanted, deliver = deliver, expires = expires, size = size }, load, tonumber(till),
    created, endings)
  if not loads[p] then loads[p], changed[#changed + 1] = load, load end
  -- What was stored ten minutes ago, every node has read on. Now and then that goes.
  if created % 16 == 0 then
    redis.pcall('XADD', p .. 'new', 'MINID', '~', math.max(0, created - 600000) * 1000, seq .. '-0', 'm', member)
  else
    redis.pcall('XADD', p .. 'new', seq .. '-0', 'm', member)
  end
  announce(channel, 'P ' .. mailbox .. ' ' .. line)
  return seq
end

for at = 2, #ARGV, 12 do
  -- A mailbox that is damaged does not hold up the others.
  local done, answer = pcall(publish, unpack(ARGV, at, at + 11))
  answers[#answers + 1] = done and answer or { 'failed', type(answer) == 'table' and answer.err or answer }
end
if #endings > 0 then call('ZADD', ends, unpack(endings)) end
for _, load in ipairs(changed) do save(load) end
return answers
