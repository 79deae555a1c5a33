-- Channels that have keys, with their number. KEYS: by channel. ARGV: prefix, after or '', limit
-- Members are channel and key id with a space between, which sorts before every character of a channel, as '!' does.
local from, found = '[' .. ARGV[1], {}
if ARGV[2] ~= '' then from = '(' .. ARGV[2] .. '!' end
while #found < 2 * tonumber(ARGV[3]) do
  local row = redis.call('ZRANGEBYLEX', KEYS[1], from, '[' .. ARGV[1] .. '\255', 'LIMIT', 0, 1)[1]
  if not row then break end
  local channel = string.match(row, '^%S*')
  -- An id that is barred has none.
  if channel ~= '' then
    found[#found + 1] = channel
    found[#found + 1] = redis.call('ZLEXCOUNT', KEYS[1], '[' .. channel .. ' ', '(' .. channel .. '!')
  end
  from = '(' .. channel .. '!'
end
return found
