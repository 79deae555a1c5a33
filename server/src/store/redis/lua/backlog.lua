-- What a key still has to get. ARGV: key id, after deliver_at or '', after member, until, limit
-- What has expired is told by `until`, the asking node's time: this server's clock may have leapt.
local key, after, last, till, limit = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local now, found, offset = tonumber(till), {}, 0
while #found < 2 * limit do
  local rows = redis.call('ZRANGEBYSCORE', p .. 'due', after or '-inf', till, 'WITHSCORES', 'LIMIT', offset, 64)
  if #rows == 0 then break end
  offset = offset + 64
  for i = 1, #rows, 2 do
    local member, moment = rows[i], tonumber(rows[i + 1])
    local behind = after and moment == after and member <= last
    local flag = not behind and redis.call('HGET', p .. 'r:' .. id_of(member), key)
    if not behind and flag ~= 'a' then
      local line = redis.call('GET', p .. 'm:' .. id_of(member))
      local message = parse(line)
      if message and message.expires > now then
        found[#found + 1] = flag or ''
        found[#found + 1] = line
        if #found >= 2 * limit then break end
      end
    end
  end
end
return found
