-- Renews the lease of a node by the clock of Redis. Answers 1, or 0 where it had none that was good; and the name that
-- this memory of Redis was given when it was empty.
-- KEYS: leases, the memory's name.  ARGV: node, the lease in milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('SETNX', KEYS[2], now .. '.' .. time[2])
local memory = redis.call('GET', KEYS[2])
if ends and tonumber(ends) > now then
  return {1, memory}
end
return {0, memory}
