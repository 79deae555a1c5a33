-- A write that a full memory does not refuse: what waits for a replica waits for this.
return redis.call('SET', KEYS[1], 1, 'PX', 60000)
