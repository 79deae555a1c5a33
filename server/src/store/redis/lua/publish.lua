-- Stores messages and announces them. ARGV: most bytes of a mailbox; then for each message the prefix of its mailbox's
-- keys, mailbox, id, earliest sequence number, deliver_at, expires_at, until when it is kept, size, most messages,
-- announcement channel, '1' if it expires before it is due, the minute in which it falls due or '' if that is soon, the
-- sequence number up to which the stream of what was stored lately is cut or '', and its line behind the sequence number.
-- Returns for each its sequence number, or a list that says why it has none.
local most_bytes, loads, changed, endings, answers = tonumber(ARGV[1]), {}, {}, {}, {}

local function known_as(id, line, rest)
  local known, message = parse(line), parse('A 0 ' .. rest)
  if not known or known.digest ~= message.digest then return { 'conflict' } end
  return { 'repeated', line, counts_of(id, known.seq) }
end

local function publish(prefix, mailbox, id, seq, deliver, expires, till, size, most, channel, expired, minute, cut, rest)
  p = prefix
  local load, why = loads[p] or counters(), nil
  if expired == '1' then why = { 'expired' }
  elseif load.n >= tonumber(most) then why = { 'full', 'number' }
  elseif load.b + size > most_bytes then why = { 'full', 'size' } end
  if why then
    -- What came before is still answered as what it is.
    local known = call('GET', p .. 'm:' .. id)
    return known and known_as(id, known, rest) or why
  end
  -- Sequence numbers are microseconds: they go on rising when a mailbox has vanished and come into being again.
  if not less(load.s, seq) then seq = number(load.s + 1) end
  local line = 'A ' .. seq .. ' ' .. rest
  local known = call('SET', p .. 'm:' .. id, line, 'NX', 'GET', 'PXAT', till)
  if known then return known_as(id, known, rest) end
  local member = member_of(seq, id)
  local message = { seq = seq, deliver = deliver, expires = expires, size = size }
  insert(mailbox, member, message, load, till, minute ~= '' and minute, endings)
  if not loads[p] then loads[p], changed[#changed + 1] = load, load end
  if cut == '' then
    redis.pcall('XADD', p .. 'new', seq .. '-0', 'm', member)
  else
    redis.pcall('XADD', p .. 'new', 'MINID', '~', cut, seq .. '-0', 'm', member)
  end
  announce(channel, 'P ' .. mailbox .. ' ' .. line)
  return seq
end

for at = 2, #ARGV, 14 do
  -- A mailbox that is damaged does not hold up the others.
  local done, answer = pcall(publish, unpack(ARGV, at, at + 13))
  answers[#answers + 1] = done and answer or { 'failed', type(answer) == 'table' and answer.err or answer }
end
if #endings > 0 then call('ZADD', ends, unpack(endings)) end
for _, load in ipairs(changed) do save(load) end
return answers
