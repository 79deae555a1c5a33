-- Stores a key. KEYS: records, ids, by channel. ARGV: id, record, channel, most keys, how:
--   put       whatever is there, but for an id that is barred
--   prolong   in the place of the same key, which keeps the later of both ends
--   restore   where it is missing, or was put back with an earlier end
-- Returns whether the key is there; of a restored one, whether it was missing.
local id, record, channel, how = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
local before = redis.call('HGET', KEYS[1], id)
local function secret_of(text) return string.match(text, '"hash":%b[]') end
-- Times are written alike, and sort as texts. A key without an end has the latest.
local function end_of(text) return string.match(text, '"expires_at":"([^"]*)"') or '~' end
if before then
  if string.find(before, '"kind":"barred"', 1, true) then return 0 end
  if how ~= 'put' then
    if secret_of(before) ~= secret_of(record) then return 0 end
    local known, wanted = end_of(before), end_of(record)
    if known > wanted or how == 'restore' and known == wanted then return how == 'restore' and 0 or 1 end
  end
elseif how == 'prolong' or how == 'put' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], id, record)
redis.call('ZADD', KEYS[2], 0, id)
redis.call('ZADD', KEYS[3], 0, channel .. ' ' .. id)
return 1
