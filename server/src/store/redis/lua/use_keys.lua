-- Notes how keys were used. KEYS: records, uses. ARGV: for each id, when it was used first at the latest, and the use
for i = 1, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSETNX', KEYS[2], ARGV[i] .. ' first', ARGV[i + 1])
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 2])
  end
end
