-- Takes clients out that were sent away and whose time is over; whoever calls this announces those that it is given, and
-- nobody else is given them. Answers client, name, client, name and so on.
-- KEYS: users, away, departures, newest, counter.  ARGV: how many at most, channel.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = {}
for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[3], client)
  local name = redis.call('HGET', KEYS[1], client)
  if name then
    local left = {}
    for other in string.gmatch(redis.call('HGET', KEYS[2], name) or '', '%S+') do
      if other ~= client then
        left[#left + 1] = other
      end
    end
    if #left == 0 then
      redis.call('HDEL', KEYS[2], name)
    else
      redis.call('HSET', KEYS[2], name, table.concat(left, ' '))
    end
    redis.call('HDEL', KEYS[1], client)
    redis.call('ZREM', KEYS[4], client)
    local number = redis.call('INCR', KEYS[5])
    redis.call('PUBLISH', ARGV[2], cjson.encode({id = client, number = number}))
    gone[#gone + 1] = client
    gone[#gone + 1] = name
  end
end
return gone
