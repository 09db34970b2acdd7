-- Takes some clients of a dead node out; whoever calls this announces those that it is given, and nobody else is given them.
-- Answers client, name, client, name and so on; nothing once the node is forgotten, or has come back.
-- KEYS: leases, users, newest, counter, the dead node's clients.  ARGV: the dead node, how many at most, channel.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) > now then
  return {}
end
local gone = {}
for _, client in ipairs(redis.call('SPOP', KEYS[5], ARGV[2])) do
  local name = redis.call('HGET', KEYS[2], client)
  redis.call('HDEL', KEYS[2], client)
  redis.call('ZREM', KEYS[3], client)
  local number = redis.call('INCR', KEYS[4])
  redis.call('PUBLISH', ARGV[3], cjson.encode({id = client, number = number}))
  gone[#gone + 1] = client
  gone[#gone + 1] = name or ''
end
if redis.call('SCARD', KEYS[5]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return gone
