-- Notes what was emitted and acknowledged. ARGV: for each message the prefix of its mailbox's keys, id, sequence number,
-- keep until and how many receipts; then for each of them key id, 'd' or 'a', and what else is kept of the first keys:
-- see `#1` in the prelude. Returns the errors of messages that are damaged.
-- A message that is missing may be put back in a moment by another node, after the store has lost it.

-- What is kept of the first keys: for each its slot, and when the message was emitted to it.
local function first_keys(receipts, keys)
  local slots, found = {}, {}
  for slot = 1, math.min(keys, KEPT) do slots[slot] = '#' .. slot end
  for slot, row in ipairs(call('HMGET', receipts, unpack(slots))) do
    local key, emitted = string.match(row or '', '^(%S+) (%S+)')
    if key then found[key] = { slot = slot, emitted = emitted } end
  end
  return found
end

-- The fields that the first receipt of a key changes, and how many keys the message was shown to, and acknowledged by.
local function of_new_key(at, values)
  local key, flag, shown, acknowledged = ARGV[at], ARGV[at + 1], number((values[2] or 0) + 1), values[3] or '0'
  if flag == 'a' then acknowledged = number(acknowledged + 1) end
  if tonumber(shown) > KEPT then return { key, flag }, shown, acknowledged end
  return { key, flag, '#' .. shown, key .. ' ' .. ARGV[at + 2] }, shown, acknowledged
end

-- The same of any receipts. `values` are the fields of their keys as they were, behind four others.
local function of_keys(at, last, receipts, values)
  local fields, noted, known = {}, {}, nil
  local shown, acknowledged = tonumber(values[2] or 0), tonumber(values[3] or 0)
  for from = at, last, 3 do
    local key, flag, row = ARGV[from], ARGV[from + 1], ARGV[from + 2]
    local own = noted[key]
    local before = own and own.flag or values[5 + (from - at) / 3]
    if before ~= 'a' and before ~= flag then
      if before and not own then
        known = known or first_keys(receipts, tonumber(values[2] or 0))
        own = known[key] or {}
      elseif not own then
        shown = shown + 1
        own = { slot = shown <= KEPT and shown }
      end
      -- When it was emitted first stands.
      if own.emitted and own.emitted ~= '-' then row = string.gsub(row, '^%S+', own.emitted, 1) end
      own.flag, own.emitted = flag, string.match(row, '^%S+')
      noted[key] = own
      fields[#fields + 1], fields[#fields + 2] = key, flag
      if own.slot then fields[#fields + 1], fields[#fields + 2] = '#' .. own.slot, key .. ' ' .. row end
      if flag == 'a' then acknowledged = acknowledged + 1 end
    end
  end
  return fields, number(shown), number(acknowledged)
end

local function record(at, last)
  p = ARGV[at]
  local id, seq, receipts = ARGV[at + 1], ARGV[at + 2], p .. 'r:' .. ARGV[at + 1]
  local is_single, values = last == at + 7, nil
  if is_single then
    values = call('HMGET', receipts, '#s', '#d', '#a', '#x', ARGV[at + 5])
  else
    local names = { '#s', '#d', '#a', '#x' }
    for from = at + 5, last, 3 do names[#names + 1] = ARGV[from] end
    values = call('HMGET', receipts, unpack(names))
  end
  if values[1] and values[1] ~= seq then
    local head = call('GETRANGE', p .. 'm:' .. id, 0, 23)
    if head ~= '' and string.match(head, '^A (%d+) ') ~= seq then return end
    -- Receipts of a message that had this id, and was lost.
    call('DEL', receipts)
    values = {}
  end
  -- Single keys were forgotten.
  if values[4] then return end
  local fields, shown, acknowledged
  -- As most are.
  if is_single and not values[5] then fields, shown, acknowledged = of_new_key(at + 5, values)
  else fields, shown, acknowledged = of_keys(at + 5, last, receipts, values) end
  if #fields > 0 then
    call('HSET', receipts, '#s', seq, '#d', shown, '#a', acknowledged, unpack(fields))
    if not values[2] then call('PEXPIREAT', receipts, ARGV[at + 3]) end
  end
  -- Now and then, so that a join need not walk what is acknowledged.
  local hundredth = string.sub(seq, -5, -4)
  if hundredth == '00' or hundredth == '33' or hundredth == '66' then
    for field = 1, #fields, 2 do
      if fields[field + 1] == 'a' then settle(fields[field]) end
    end
  end
end

local at, failed = 1, {}
while at <= #ARGV do
  local last = at + 4 + 3 * ARGV[at + 4]
  -- One that is damaged does not hold up the others.
  local done, why = pcall(record, at, last)
  if not done then failed[#failed + 1] = type(why) == 'table' and why.err or why end
  at = last + 1
end
return failed
