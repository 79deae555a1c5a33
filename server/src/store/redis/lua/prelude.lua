-- What the scripts of a mailbox share. p, the prefix of its keys, holds the hash tag: one mailbox, one slot.
--   p..'m:'..id  the message, as `line.rs` writes it; it vanishes a day after the message's end
--   p..'r:'..id  key id -> 'd' (emitted) or 'a' (acknowledged); '#d' and '#a' count keys, '#c' says cancelled,
--                '#x' that single keys were forgotten
--   p..'t:'..id  notes of what happened to the message, as JSON
--   p..'due', p..'seq', p..'exp'  live messages by moment, sequence number and expiry
--   p..'old'     ended messages by moment
--   p..'told'    id and number of keys of ended messages that no node has told of yet
--   p..'load'    n, b: live messages and their bytes; s: the last sequence number
-- Members of the sets are the sequence number in 16 digits, then the id: they sort by sequence.
local p = KEYS[1]

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The fields of a message's line that scripts look at; nothing if another release wrote it in another way.
local function parse(line)
  if not line then return nil end
  local seq, deliver, expires, size, digest = string.match(line, '^A (%d+) (%-?%d+) (%-?%d+) (%d+) (%x+) ')
  if not seq then return nil end
  return { seq = seq, deliver = tonumber(deliver), expires = tonumber(expires), size = tonumber(size), digest = digest }
end

local function id_of(member) return string.sub(member, 17) end

-- Lets a key live until `moment` at least.
local function keep(key, moment)
  if redis.call('PEXPIRETIME', key) < moment then redis.call('PEXPIREAT', key, moment) end
end

local function insert(member, id, line, message, till)
  redis.call('SET', p .. 'm:' .. id, line, 'PXAT', till)
  redis.call('ZADD', p .. 'due', message.deliver, member)
  redis.call('ZADD', p .. 'seq', message.seq, member)
  redis.call('ZADD', p .. 'exp', message.expires, member)
  redis.call('HINCRBY', p .. 'load', 'n', 1)
  redis.call('HINCRBY', p .. 'load', 'b', message.size)
  if redis.call('PEXPIRETIME', p .. 'load') < till then
    for _, name in ipairs({ 'due', 'seq', 'exp', 'load' }) do redis.call('PEXPIREAT', p .. name, till) end
  end
end

-- Takes a live message out of the way of deliveries; with `forget`, what became of it is not kept either.
local function retire(member, id, message, forget)
  for _, name in ipairs({ 'due', 'seq', 'exp' }) do redis.call('ZREM', p .. name, member) end
  redis.call('HINCRBY', p .. 'load', 'n', -1)
  redis.call('HINCRBY', p .. 'load', 'b', -message.size)
  if forget then
    redis.call('DEL', p .. 'm:' .. id, p .. 'r:' .. id, p .. 't:' .. id)
    return
  end
  redis.call('ZADD', p .. 'old', message.deliver, member)
  keep(p .. 'old', redis.call('PEXPIRETIME', p .. 'm:' .. id))
  -- A broadcast's receipts are as many as there are keys; what is asked of it later is how many.
  local receipts = p .. 'r:' .. id
  if redis.call('HLEN', receipts) > 64 then
    local counts = redis.call('HMGET', receipts, '#d', '#a')
    redis.call('DEL', receipts)
    redis.call('HSET', receipts, '#x', 1, '#d', counts[1] or 0, '#a', counts[2] or 0)
    redis.call('PEXPIREAT', receipts, redis.call('PEXPIRETIME', p .. 'm:' .. id))
  end
end
