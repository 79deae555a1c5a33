-- What a key still has to get. ARGV: key id, after deliver_at or '', after member, until, limit
-- What has expired is told by `until`, the asking node's time: this server's clock may have leapt.
local key, after, last, till, limit = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local now, found, passed = tonumber(till), {}, 0
local function take(moment, member)
  if after and (moment < after or moment == after and member <= last) then return end
  local flag = flag_of(member, key)
  if flag == 'a' then
    passed = passed + 1
    return
  end
  local line = redis.call('GET', p .. 'm:' .. id_of(member))
  local message = parse(line)
  if message and message.expires > now then
    found[#found + 1] = flag or ''
    found[#found + 1] = line
  end
end
local settled, open = settled_by(key)
for _, part in ipairs(open) do
  if #found >= 2 * limit then return found end
  local moment, member = string.match(part, '^(%-?%d+) (.*)$')
  take(tonumber(moment), member)
end
local from, offset = after and number(after) or '-inf', 0
if settled and not (after and after > settled) then from = '(' .. number(settled) end
while #found < 2 * limit do
  local rows = redis.call('ZRANGEBYSCORE', p .. 'due', from, till, 'WITHSCORES', 'LIMIT', offset, 64)
  if #rows == 0 then break end
  offset = offset + 64
  for i = 1, #rows, 2 do
    take(tonumber(rows[i + 1]), rows[i])
    if #found >= 2 * limit then break end
  end
end
if passed >= 64 then settle(key) end
return found
