-- Notes what was emitted and acknowledged. ARGV: for each receipt id, sequence number, key id, 'd' or 'a', keep until
-- A message that is missing may be put back in a moment by another node, after the store has lost it.
for i = 1, #ARGV, 5 do
  local id, seq, key, flag, till = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local receipts = p .. 'r:' .. id
  local head = redis.call('GETRANGE', p .. 'm:' .. id, 0, 23)
  local known = head == '' or string.match(head, '^A (%d+) ') == seq
  if known and redis.call('HEXISTS', receipts, '#x') == 0 then
    local before = redis.call('HGET', receipts, key)
    if before ~= 'a' and before ~= flag then
      redis.call('HSET', receipts, key, flag)
      if not before then redis.call('HINCRBY', receipts, '#d', 1) end
      if flag == 'a' then redis.call('HINCRBY', receipts, '#a', 1) end
      keep(receipts, tonumber(till))
    end
  end
end
