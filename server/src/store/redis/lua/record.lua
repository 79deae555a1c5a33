-- Notes what was emitted and acknowledged. ARGV: for each receipt id, sequence number, key id, 'd' or 'a', keep until
for i = 1, #ARGV, 5 do
  local id, seq, key, flag, till = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local receipts = p .. 'r:' .. id
  local stored = string.match(redis.call('GETRANGE', p .. 'm:' .. id, 0, 23), '^A (%d+) ')
  if stored == seq and redis.call('HEXISTS', receipts, '#x') == 0 then
    local known = redis.call('HGET', receipts, key)
    if known ~= 'a' and known ~= flag then
      redis.call('HSET', receipts, key, flag)
      if not known then redis.call('HINCRBY', receipts, '#d', 1) end
      if flag == 'a' then redis.call('HINCRBY', receipts, '#a', 1) end
      keep(receipts, tonumber(till))
    end
  end
end
