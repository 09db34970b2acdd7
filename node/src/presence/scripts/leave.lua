-- A client of the node is gone. Answers its name, or false where somebody has taken it out already.
-- KEYS: users, newest, counter, the node's clients.  ARGV: client, channel.
if redis.call('SREM', KEYS[4], ARGV[1]) == 0 then
  return false
end
local name = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local number = redis.call('INCR', KEYS[3])
redis.call('PUBLISH', ARGV[2], cjson.encode({id = ARGV[1], number = number}))
return name
