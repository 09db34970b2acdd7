-- A client is online under a name. Answers its old name, or an empty text where it had none, and behind it the clients of
-- that name that were sent away by their nodes: they are taken out, for it is back. An error where the node's lease is over.
-- KEYS: leases, users, newest, counter, the node's clients, away, departures.  ARGV: node, client, name, channel.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return redis.error_reply('LOST the lease of this node is over')
end
local old = redis.call('HGET', KEYS[2], ARGV[2])
if old == ARGV[3] then
  return {old}
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('SADD', KEYS[5], ARGV[2])
local number = redis.call('INCR', KEYS[4])
redis.call('ZADD', KEYS[3], number, ARGV[2])
redis.call('PUBLISH', ARGV[4], cjson.encode({id = ARGV[2], name = ARGV[3], number = number}))
if old then
  return {old}
end
local answer = {''}
local away = redis.call('HGET', KEYS[6], ARGV[3])
if away then
  redis.call('HDEL', KEYS[6], ARGV[3])
  for client in string.gmatch(away, '%S+') do
    if redis.call('ZREM', KEYS[7], client) == 1 then
      redis.call('HDEL', KEYS[2], client)
      redis.call('ZREM', KEYS[3], client)
      number = redis.call('INCR', KEYS[4])
      redis.call('PUBLISH', ARGV[4], cjson.encode({id = client, number = number}))
      answer[#answer + 1] = client
    end
  end
end
return answer
