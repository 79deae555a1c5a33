-- What the scripts of mailboxes share. p, the prefix of a mailbox's keys, holds the hash tag: one mailbox, one slot. On a
-- cluster all that a script works on, `ends` and `soon` too, is of that slot. The first of a script's keys is no key that
-- exists: so a slot that is on its way to another server refuses the script before it runs.
-- Scripts of many mailboxes set p to one after the other. Numbers that only pass through stay texts: to read and to
-- write one costs as much as a small command.
--   p..'m:'..id  the message, as `message_format.rs` writes it; it vanishes a day after the message's end
--   p..'r:'..id  key id -> 'd' (emitted) or 'a' (acknowledged); '#d' and '#a' count keys, '#c' says cancelled,
--                '#x' that single keys were forgotten, '#s' is the message's sequence number; '#1' to '#16' say of the
--                first keys: key id, when emitted ('-' if that is not known), when acknowledged ('-' if it is not),
--                with which outcome, node; times in ms from the moment at which the message is due
--   p..'t:'..id  notes of what happened to the message, as JSON
--   p..'due'     live messages by moment
--   p..'new'     a stream of what was stored lately, by sequence number, where an older release needs it
--   p..'old:'..n ended messages by moment, those of six hours each: a key vanishes when its messages have
--   p..'w'       key id -> up to which moment the key has settled everything, and what it has not: what joins jump over
--   p..'load'    n, b: live messages and their bytes; s: the last sequence number; x: until when these keys live;
--                o: the six hours of the latest ended message; w: no key has settled anything later
-- ends           all live messages of the store by expiry: mailbox, member, size and moment
-- soon..minute   mailboxes with a message that falls due then and was stored long before
-- Members of `due` and `old` are the sequence number in 16 digits, then the id: they sort by sequence.
-- Release 0.1 has `seq`, `exp` and `old` instead of `new`, `ends` and `old:`; see adopt.lua. It reads the rest.
-- What is called for each message has a local name: a global one is looked up each time.
local p, ends, soon = KEYS[1], KEYS[2], KEYS[3]
local call, concat = redis.call, table.concat
local byte, format, match, sub = string.byte, string.format, string.match, string.sub
local HOUR, SIX_HOURS, DAY, KEPT = 3600000, 21600000, 86400000, 16

-- On a cluster an announcement stays in its slot, which its channel shares: `hf:{tag}:announce`.
local function announce(channel, text)
  call(byte(channel, 4) == 123 and 'SPUBLISH' or 'PUBLISH', channel, text)
end

local function now_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The fields of a message's line that scripts look at; nothing if another release wrote it in another way.
local function parse(line)
  if not line then return nil end
  local seq, deliver, expires, size, digest = match(line, '^A (%d+) (%-?%d+) (%-?%d+) (%d+) (%x+) ')
  if not seq then return nil end
  return { seq = seq, deliver = tonumber(deliver), expires = tonumber(expires), size = tonumber(size), digest = digest }
end

local function number(value) return format('%d', value) end

-- The same of a number that many messages of a call may have.
local texts = {}
local function count(value)
  local text = texts[value]
  if not text then
    text = format('%d', value)
    texts[value] = text
  end
  return text
end

local function member_of(seq, id) return #seq == 16 and seq .. id or format('%016d', seq) .. id end
local function id_of(member) return sub(member, 17) end
local function seq_of(member)
  local seq = sub(member, 1, 16)
  return byte(seq) == 48 and string.gsub(seq, '^0+', '') or seq
end

-- Whether a is less than b; both are whole numbers, as texts.
local function less(a, b)
  if #a == #b and byte(a) ~= 45 then return a < b end
  return tonumber(a) < tonumber(b)
end

-- How a message is named in `ends`.
local function ending(mailbox, member, size, deliver)
  return mailbox .. ' ' .. member .. ' ' .. size .. ' ' .. deliver
end

-- Lets a key live until `moment` at least.
local function keep(key, moment)
  if call('PEXPIRETIME', key) < moment then call('PEXPIREAT', key, number(moment)) end
end

-- What is known of a message: d, a, c. Receipts of a message that had this id, and was lost, say nothing.
local function counts_of(id, seq)
  local counts = call('HMGET', p .. 'r:' .. id, '#d', '#a', '#c', '#s')
  if counts[4] and counts[4] ~= seq then return { false, false, false } end
  counts[4] = nil
  return counts
end

-- A mailbox's counters, which `insert` changes and `save` writes.
local function counters()
  local name = p .. 'load'
  local load = call('HMGET', name, 'n', 'b', 's', 'x', 'w')
  return { p = p, name = name, n = tonumber(load[1] or 0), b = tonumber(load[2] or 0), s = load[3] or '0', x = load[4] or '0',
    w = load[5] }
end

-- Puts a message that has its line into the indexes, but for `ends`: its row there is added to `endings`. It is kept
-- until `till`; `minute` is when it falls due, if that is not soon. All of them are texts.
local function insert(load, mailbox, member, seq, deliver, expires, size, till, minute, endings)
  call('ZADD', p .. 'due', deliver, member)
  local at = #endings
  endings[at + 1], endings[at + 2] = expires, ending(mailbox, member, size, deliver)
  load.n, load.b = load.n + 1, load.b + size
  if less(load.s, seq) then load.s = seq end
  -- An hour more than now, so that it is not said of each message anew.
  if less(load.x, till) then
    load.x = number(till + HOUR)
    load.lives = true
  end
  -- A message to everyone is read by many at its time; what falls due soon is announced.
  if minute then
    call('SADD', soon .. minute, mailbox)
    call('PEXPIREAT', soon .. minute, number(deliver + HOUR))
  end
  -- It lies before what some keys have settled: they look again.
  if load.w and not less(load.w, deliver) then
    call('DEL', p .. 'w')
    call('HDEL', p .. 'load', 'w')
    load.w = nil
  end
end

-- Writes the counters of a mailbox into which something was put, and lets its keys live as long as that.
local function save(load)
  local name = load.name
  if not load.lives then return call('HSET', name, 'n', count(load.n), 'b', number(load.b), 's', load.s) end
  call('HSET', name, 'n', count(load.n), 'b', number(load.b), 's', load.s, 'x', load.x)
  for _, of in ipairs({ 'due', 'new', 'load', 'w' }) do call('PEXPIREAT', load.p .. of, load.x) end
end

-- The six hours of a moment.
local function six_hours_of(moment) return math.floor(moment / SIX_HOURS) end

-- Keeps what became of a message that has left `due`, filed under the six hours in which it ended.
local function archive(member, deliver, six_hours, latest)
  local ended = p .. 'old:' .. six_hours
  call('ZADD', ended, deliver, member)
  if latest ~= six_hours then call('PEXPIREAT', ended, number((six_hours + 1) * SIX_HOURS + DAY)) end
end

-- What a key got of a message; receipts of a message that had this id, and was lost, say nothing.
local function flag_of(member, key)
  local known = call('HMGET', p .. 'r:' .. sub(member, 17), key, '#s')
  if known[2] and known[2] ~= sub(member, 1, 16) and known[2] ~= seq_of(member) then return false end
  return known[1]
end

-- Up to where a key has settled everything, and a list of moment and member of what it has not.
local function settled_by(key)
  local known = call('HGET', p .. 'w', key)
  local moment, open = nil, {}
  for part in string.gmatch(known or '', '[^|]+') do
    if not moment then moment = tonumber(part) else open[#open + 1] = part end
  end
  return moment, open
end

-- Moves that on, over what is due for ten seconds: of what is younger something may still come in between.
local function settle(key)
  if call('ZCARD', p .. 'due') < 128 then return end
  local now = now_ms()
  local from, open = settled_by(key)
  local till, left = now - 10000, {}
  for _, part in ipairs(open) do
    local member = match(part, ' (.*)$')
    if flag_of(member, key) ~= 'a' and call('ZSCORE', p .. 'due', member) then
      left[#left + 1] = part
    end
  end
  local rows = call('ZRANGEBYSCORE', p .. 'due', from and '(' .. number(from) or '-inf', number(till), 'WITHSCORES')
  if #rows < 128 then return end
  for i = 1, #rows, 2 do
    if flag_of(rows[i], key) ~= 'a' then left[#left + 1] = rows[i + 1] .. ' ' .. rows[i] end
  end
  -- A key that leaves so much out is read from the start.
  if #left > 512 then return end
  local last = tonumber(rows[#rows])
  if call('HLEN', p .. 'w') > 256 then call('DEL', p .. 'w') end
  call('HSET', p .. 'w', key, number(last) .. '|' .. concat(left, '|'))
  local load = call('HMGET', p .. 'load', 'x', 'w')
  if load[1] then call('PEXPIREAT', p .. 'w', load[1]) end
  if tonumber(load[2] or 0) < last then call('HSET', p .. 'load', 'w', number(last)) end
end
