-- Reads a mailbox on. ARGV: sequence number or '', due after, due until. Returns the last sequence number, what was
-- stored after the first, and what falls due between the moments. What has expired and is not retired yet is among them:
-- this server's clock may have leapt, and nodes look at their own before they emit.
local function lines(members)
  local found = {}
  for _, member in ipairs(members) do
    local line = redis.call('GET', p .. 'm:' .. id_of(member))
    local message = parse(line)
    if message then found[#found + 1] = line end
  end
  return found
end
local stored = {}
if ARGV[1] ~= '' then stored = redis.call('ZRANGEBYSCORE', p .. 'seq', '(' .. ARGV[1], '+inf') end
local due = redis.call('ZRANGEBYSCORE', p .. 'due', '(' .. ARGV[2], ARGV[3])
return { redis.call('HGET', p .. 'load', 's') or '0', lines(stored), lines(due) }
