-- Notes what was emitted and acknowledged. ARGV: for each message the prefix of its mailbox's keys, the key of its
-- receipts, sequence number, keep until and how many receipts; then for each of them key id, 'd' or 'a', and what is kept
-- of the first keys: see `#1` in the prelude. Returns the errors of messages that are damaged.
-- A message that is missing may be put back in a moment by another node, after the store has lost it.

-- What is kept of the first keys: for each its slot, and when the message was emitted to it.
local function first_keys(receipts, keys)
  local slots, found = {}, {}
  for slot = 1, math.min(keys, KEPT) do slots[slot] = '#' .. slot end
  for slot, row in ipairs(call('HMGET', receipts, unpack(slots))) do
    local key, emitted = match(row or '', '^(%S+) (%S+)')
    if key then found[key] = { slot = slot, emitted = emitted } end
  end
  return found
end

-- Notes the first receipt of a key. `values` are the message's fields as they were.
local function first_of_key(receipts, seq, till, at, values)
  local key, flag, row = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if not values[2] then
    call('HSET', receipts, '#s', seq, '#d', '1', '#a', flag == 'a' and '1' or '0', key, flag, '#1', row)
    return call('PEXPIREAT', receipts, till)
  end
  local shown, acknowledged = values[2] + 1, values[3]
  if flag == 'a' then acknowledged = count(acknowledged + 1) end
  if shown > KEPT then return call('HSET', receipts, '#d', count(shown), '#a', acknowledged, key, flag) end
  local slot = shown == 2 and '#2' or '#' .. shown
  call('HSET', receipts, '#d', count(shown), '#a', acknowledged, key, flag, slot, row)
end

-- The same of any receipts. Behind three others, `values` has the fields of their keys.
local function of_keys(receipts, seq, till, at, last, values)
  local fields, noted, known = {}, {}, nil
  local shown, acknowledged = tonumber(values[2] or 0), tonumber(values[3] or 0)
  for from = at, last, 3 do
    local key, flag, row = ARGV[from], ARGV[from + 1], ARGV[from + 2]
    local own = noted[key]
    local before = own and own.flag or values[4 + (from - at) / 3]
    if before ~= 'a' and before ~= flag then
      if before and not own then
        known = known or first_keys(receipts, tonumber(values[2] or 0))
        own = known[key] or {}
      elseif not own then
        shown = shown + 1
        own = { slot = shown <= KEPT and shown }
      end
      -- When it was emitted first stands.
      if own.emitted and own.emitted ~= '-' then row = string.gsub(row, '^(%S+) %S+', '%1 ' .. own.emitted, 1) end
      own.flag, own.emitted = flag, match(row, '^%S+ (%S+)')
      noted[key] = own
      fields[#fields + 1], fields[#fields + 2] = key, flag
      if own.slot then fields[#fields + 1], fields[#fields + 2] = '#' .. own.slot, row end
      if flag == 'a' then acknowledged = acknowledged + 1 end
    end
  end
  if #fields == 0 then return end
  call('HSET', receipts, '#s', seq, '#d', number(shown), '#a', number(acknowledged), unpack(fields))
  if not values[2] then call('PEXPIREAT', receipts, till) end
end

local function record(at, last)
  local receipts, seq, values = ARGV[at + 1], ARGV[at + 2], nil
  local is_single = last == at + 7
  if is_single then
    values = call('HMGET', receipts, '#s', '#d', '#a', ARGV[at + 5])
  else
    local names = { '#s', '#d', '#a' }
    for from = at + 5, last, 3 do names[#names + 1] = ARGV[from] end
    values = call('HMGET', receipts, unpack(names))
  end
  if values[1] and values[1] ~= seq then
    p = ARGV[at]
    local head = call('GETRANGE', p .. 'm:' .. sub(receipts, #p + 3), 0, 23)
    if head ~= '' and match(head, '^A (%d+) ') ~= seq then return end
    -- Receipts of a message that had this id, and was lost.
    call('DEL', receipts)
    values = {}
  end
  -- Single keys were forgotten; that is done to no fewer.
  if values[2] and #values[2] > 1 and tonumber(values[2]) > 64 and call('HEXISTS', receipts, '#x') == 1 then return end
  -- As most are.
  if is_single and not values[4] then first_of_key(receipts, seq, ARGV[at + 3], at + 5, values)
  else of_keys(receipts, seq, ARGV[at + 3], at + 5, last, values) end
  -- Of every hundred numbers at 00, 33 and 66, so that a join need not walk what is acknowledged.
  local digit = byte(seq, -4)
  if digit % 3 == 0 and digit < 57 and digit == byte(seq, -5) then
    p = ARGV[at]
    for from = at + 5, last, 3 do
      if ARGV[from + 1] == 'a' then settle(ARGV[from]) end
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
