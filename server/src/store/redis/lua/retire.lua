-- Retires what has expired. ARGV: now, most messages, for how long what is told waits to be taken out of `ends`, '1' to
-- forget messages at once because memory is short, what comes before and after a mailbox in the prefix of its keys.
-- Returns how many were looked at, and name in `ends` and number of keys of each that nobody acknowledged. Those stay in
-- `ends` until they are taken out: an answer may be lost.
local again, forget = number(ARGV[1] + ARGV[3]), ARGV[4] == '1'
-- It has ended just before.
local six_hours = number(six_hours_of(ARGV[1]))
local names = call('ZRANGEBYSCORE', ends, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local loads, changed, over, later, told = {}, {}, {}, {}, {}

-- A broadcast's receipts are as many as there are keys; what is asked of it later is how many.
local function fold(receipts, seq, counts)
  local till, slots, kept = call('PEXPIRETIME', receipts), {}, {}
  for slot = 1, KEPT do slots[slot] = '#' .. slot end
  for slot, row in ipairs(call('HMGET', receipts, unpack(slots))) do
    if row then kept[#kept + 1], kept[#kept + 2] = '#' .. slot, row end
  end
  call('DEL', receipts)
  call('HSET', receipts, '#x', 1, '#s', seq, '#d', counts[1], '#a', counts[2] or 0, unpack(kept))
  call('PEXPIREAT', receipts, till)
end

-- Returns whether it is told.
local function retire(name)
  local mailbox, member, size, deliver = match(name, '^(%S+) (%S+) (%d+) (%-?%d+)$')
  p = ARGV[5] .. mailbox .. ARGV[6]
  local id, seq = id_of(member), seq_of(member)
  local counts = counts_of(id, seq)
  local was_live = call('ZREM', p .. 'due', member) == 1
  local is_told = not counts[3] and (counts[2] or '0') == '0'
    and (was_live or call('EXISTS', p .. 'm:' .. id) == 1)
  if is_told then told[#told + 1], told[#told + 2] = name, tonumber(counts[1] or 0) end
  if not was_live then return is_told end
  local load = loads[p]
  if not load then
    local name = p .. 'load'
    local known = call('HMGET', name, 'n', 'b', 'o')
    load = { name = name, exists = known[1], n = known[1] or 0, b = known[2] or 0, o = known[3], was = known[3] }
    loads[p], changed[#changed + 1] = load, load
  end
  load.n, load.b = load.n - 1, load.b - size
  if forget then
    call('DEL', p .. 'm:' .. id, p .. 'r:' .. id, p .. 't:' .. id)
  else
    archive(member, deliver, six_hours, load.o)
    load.o = six_hours
    if #(counts[1] or '') > 1 and tonumber(counts[1]) > 64 then fold(p .. 'r:' .. id, seq, counts) end
  end
  return is_told
end

for _, name in ipairs(names) do
  local done, is_told = pcall(retire, name)
  -- A mailbox that is damaged does not hold up the others, and is looked at again.
  if done and not is_told then over[#over + 1] = name
  else later[#later + 1], later[#later + 2] = again, name end
end
for _, load in ipairs(changed) do
  -- A mailbox that has vanished is not made anew for that.
  if load.exists then
    local n, b = count(math.max(0, load.n)), number(math.max(0, load.b))
    if load.o == load.was then call('HSET', load.name, 'n', n, 'b', b)
    else call('HSET', load.name, 'n', n, 'b', b, 'o', load.o) end
  end
end
if #over > 0 then call('ZREM', ends, unpack(over)) end
if #later > 0 then call('ZADD', ends, unpack(later)) end
return { #names, told }
