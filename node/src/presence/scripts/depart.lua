-- A client of the node was sent away, and is likely to be back on another under the same name. It stays online until it is,
-- or until its time is over. Answers 1, or 0 where somebody has taken it out already.
-- KEYS: users, away, departures, the node's clients.  ARGV: client, its time in milliseconds.
if redis.call('SREM', KEYS[4], ARGV[1]) == 0 then
  return 0
end
local name = redis.call('HGET', KEYS[1], ARGV[1])
if not name then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
local others = redis.call('HGET', KEYS[2], name)
redis.call('HSET', KEYS[2], name, others and others .. ' ' .. ARGV[1] or ARGV[1])
return 1
