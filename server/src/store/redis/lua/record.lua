-- Notes what was emitted and acknowledged. ARGV: for each message id, sequence number, keep until and how many receipts;
-- then for each of them key id, 'd' or 'a', and what else is kept of the first keys: see `#1` in the prelude.
-- A message that is missing may be put back in a moment by another node, after the store has lost it.
-- One that is damaged does not hold up the others; its error is the answer.
local i, failed = 1, nil
while i <= #ARGV do
  local id, seq, till, last = ARGV[i], ARGV[i + 1], ARGV[i + 2], i + 3 + 3 * ARGV[i + 3]
  local receipts, fields = p .. 'r:' .. id, { '#s', '#d', '#a', '#x' }
  for slot = 1, KEPT do fields[4 + slot] = '#' .. slot end
  for at = i + 4, last, 3 do fields[#fields + 1] = ARGV[at] end
  local values = redis.pcall('HMGET', receipts, unpack(fields))
  failed = values.err and values or failed
  local known = values[1] == seq
  if not known and not values.err then
    local head = redis.call('GETRANGE', p .. 'm:' .. id, 0, 23)
    known = head == '' or string.match(head, '^A (%d+) ') == seq
    if known and values[1] then
      -- Receipts of a message that had this id, and was lost.
      redis.call('DEL', receipts)
      values = {}
    end
  end
  if known and not values[4] then
    local flags, shown, acknowledged = {}, tonumber(values[2] or 0), tonumber(values[3] or 0)
    local of_key, settled, kept = {}, {}, {}
    for slot = 1, KEPT do
      local row = values[4 + slot]
      if not row then break end
      kept[slot] = row
      kept[string.match(row, '^%S+')] = slot
    end
    for at = i + 4, last, 3 do
      local key, flag = ARGV[at], ARGV[at + 1]
      local before = of_key[key] or values[5 + KEPT + (at - i - 4) / 3]
      if before ~= 'a' and before ~= flag then
        of_key[key] = flag
        flags[#flags + 1], flags[#flags + 2] = key, flag
        if not before then shown = shown + 1 end
        if flag == 'a' then
          acknowledged = acknowledged + 1
          settled[#settled + 1] = key
        end
        local slot, row = kept[key] or #kept + 1, key .. ' ' .. ARGV[at + 2]
        if slot <= KEPT then
          -- When it was emitted is known from before, or now.
          local emitted = kept[slot] and string.match(kept[slot], '^%S+ (%-?%d+) ')
          if emitted then row = string.gsub(row, '^(%S+) %S+ ', '%1 ' .. emitted .. ' ') end
          kept[slot], kept[key] = row, slot
          flags[#flags + 1], flags[#flags + 2] = '#' .. slot, row
        end
      end
    end
    if #flags > 0 then
      redis.call('HSET', receipts, '#s', seq, '#d', shown, '#a', acknowledged, unpack(flags))
      if not values[2] then redis.call('PEXPIREAT', receipts, till) end
    end
    -- Now and then, so that a join need not walk what is acknowledged.
    if math.floor(seq / 1000) % 32 == 0 then
      for _, key in ipairs(settled) do settle(key) end
    end
  end
  i = last + 1
end
return failed
