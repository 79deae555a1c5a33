-- Notes how keys were used. KEYS: records, uses. ARGV: for each id, when it was used first at the latest, and the use
-- The end of an earlier connection says nothing while a later one lives: a client may open the next before it leaves.
local function is_over(id, use)
  local ended = cjson.decode(use)
  local last = ended.left_at ~= cjson.null and redis.call('HGET', KEYS[2], id)
  last = last and cjson.decode(last)
  return last and last.left_at == cjson.null and last.joined_at > ended.joined_at
end
for i = 1, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSETNX', KEYS[2], ARGV[i] .. ' first', ARGV[i + 1])
    if not is_over(ARGV[i], ARGV[i + 2]) then
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
    end
  end
end
