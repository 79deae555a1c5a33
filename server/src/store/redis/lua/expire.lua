-- Retires a mailbox's expired messages. ARGV: '1' to forget them at once because memory is short; then for each message
-- its member, size, moment and expiry.
-- Returns id and number of keys of each that nobody acknowledged; again if it is asked again: an answer may be lost.
local forget, told = ARGV[1] == '1', {}
local load = redis.call('HMGET', p .. 'load', 'n', 'b', 'o')
local n, b, latest = tonumber(load[1] or 0), tonumber(load[2] or 0), load[3]
for i = 2, #ARGV, 4 do
  local member, size, deliver, expires = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local id = id_of(member)
  local seq = number(tonumber(string.sub(member, 1, 16)))
  local counts = counts_of(id, seq)
  local was_live = redis.call('ZREM', p .. 'due', member) == 1
  if not counts[3] and tonumber(counts[2] or 0) == 0 and (was_live or redis.call('EXISTS', p .. 'm:' .. id) == 1) then
    told[#told + 1], told[#told + 2] = id, tonumber(counts[1] or 0)
  end
  if was_live then
    n, b = n - 1, b - size
    if forget then
      redis.call('DEL', p .. 'm:' .. id, p .. 'r:' .. id, p .. 't:' .. id)
    else
      latest = archive(member, deliver, expires, latest)
      -- A broadcast's receipts are as many as there are keys; what is asked of it later is how many.
      local receipts = p .. 'r:' .. id
      if tonumber(counts[1] or 0) > 64 then
        local till, slots, kept = redis.call('PEXPIRETIME', receipts), {}, {}
        for slot = 1, KEPT do slots[slot] = '#' .. slot end
        for slot, row in ipairs(redis.call('HMGET', receipts, unpack(slots))) do
          if row then kept[#kept + 1], kept[#kept + 2] = '#' .. slot, row end
        end
        redis.call('DEL', receipts)
        redis.call('HSET', receipts, '#x', 1, '#s', seq, '#d', counts[1], '#a', counts[2] or 0, unpack(kept))
        redis.call('PEXPIREAT', receipts, till)
      end
    end
  end
end
-- A mailbox that has vanished is not made anew for that.
if load[1] then
  redis.call('HSET', p .. 'load', 'n', math.max(0, n), 'b', number(math.max(0, b)), 'o', latest or '')
end
return told
