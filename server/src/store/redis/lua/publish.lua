-- Stores messages and announces them. ARGV: most bytes of a mailbox, channel on which all of them are announced, a channel
-- that older releases listen to as well or ''; then for each message the prefix of its mailbox's keys, mailbox, id,
-- earliest sequence number, deliver_at, expires_at, until when it is kept, size, most messages, 'x' if it expires before
-- it is due or else the minute in which it falls due or '' if that is soon, the moment after which it is not stored or
-- '', and its line with that sequence number.
-- Returns for each its sequence number, or a list that says why it has none.
local most_bytes, loads, changed, endings, told, answers = tonumber(ARGV[1]), {}, {}, {}, { 'M' }, {}

-- Whether a node of an older release listens. Such a node listens to one channel of both, and is told of each message by
-- itself; it finds what it missed in a stream for each mailbox.
local function is_heard_by_older()
  if ARGV[3] == '' then return false end
  local heard = call('PUBSUB', 'NUMSUB', ARGV[2], ARGV[3])
  return heard[4] > heard[2]
end
local is_mixed = is_heard_by_older()

local function tell_older(mailbox, member, seq, line)
  local kept_from = number(math.max(0, seq - 600000000))
  redis.pcall('XADD', p .. 'new', 'MINID', '~', kept_from, seq .. '-0', 'm', member)
  announce(ARGV[3], 'P ' .. mailbox .. ' ' .. line)
end

-- A primary of a cluster that hung, and was replaced meanwhile, carries out what has waited. Whoever published it was told
-- that it is not stored, and it will not be: but the cluster brings its announcements to the new primary's listeners.
local now = ARGV[3] == '' and now_ms()
local function is_late(deadline) return now and deadline ~= '' and now > tonumber(deadline) end

local function known_as(id, before, line)
  local known = parse(before)
  if not known or known.digest ~= parse(line).digest then return { 'conflict' } end
  return { 'repeated', before, counts_of(id, known.seq) }
end

local function publish(prefix, mailbox, id, seq, deliver, expires, till, size, most, when, deadline, line)
  p = prefix
  if is_late(deadline) then return { 'failed', 'the primary hung, or its clock and those of the others differ' } end
  local load, why = loads[p] or counters(), nil
  if when == 'x' then why = { 'expired' }
  elseif load.n >= tonumber(most) then why = { 'full', 'number' }
  elseif load.b + size > most_bytes then why = { 'full', 'size' } end
  if why then
    -- What came before is still answered as what it is.
    local known = call('GET', p .. 'm:' .. id)
    return known and known_as(id, known, line) or why
  end
  -- Sequence numbers are microseconds: they go on rising when a mailbox has vanished and come into being again.
  if not less(load.s, seq) then
    seq = number(load.s + 1)
    line = 'A ' .. seq .. match(line, '^A %d+(.*)$')
  end
  local known = call('SET', p .. 'm:' .. id, line, 'NX', 'GET', 'PXAT', till)
  if known then return known_as(id, known, line) end
  local member = member_of(seq, id)
  insert(load, mailbox, member, seq, deliver, expires, size, till, when ~= '' and when, endings)
  if not loads[p] then loads[p], changed[#changed + 1] = load, load end
  local at = #told
  told[at + 1], told[at + 2], told[at + 3] = #line, mailbox, line
  if is_mixed then tell_older(mailbox, member, seq, line) end
  return seq
end

for at = 4, #ARGV, 12 do
  -- A mailbox that is damaged does not hold up the others.
  local done, answer = pcall(publish, unpack(ARGV, at, at + 11))
  answers[#answers + 1] = done and answer or { 'failed', type(answer) == 'table' and answer.err or answer }
end
if #told > 1 then
  announce(ARGV[2], concat(told, ' '))
  call('ZADD', ends, unpack(endings))
end
for _, load in ipairs(changed) do save(load) end
return answers
