-- A client is online under a name. Answers its old name, or false where it had none; an error where the node's lease is over.
-- KEYS: leases, users, newest, counter, the node's clients.  ARGV: node, client, name, channel.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return redis.error_reply('LOST the lease of this node is over')
end
local old = redis.call('HGET', KEYS[2], ARGV[2])
if old == ARGV[3] then
  return old
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('SADD', KEYS[5], ARGV[2])
local number = redis.call('INCR', KEYS[4])
redis.call('ZADD', KEYS[3], number, ARGV[2])
redis.call('PUBLISH', ARGV[4], cjson.encode({id = ARGV[2], name = ARGV[3], number = number}))
return old
