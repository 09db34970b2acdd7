-- Who came last, the newest first: client, name, number, client, name, number and so on.
-- KEYS: users, newest.  ARGV: how many at most.
local found = {}
local newest = redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1] - 1, 'WITHSCORES')
for index = 1, #newest, 2 do
  local name = redis.call('HGET', KEYS[1], newest[index])
  if name then
    found[#found + 1] = newest[index]
    found[#found + 1] = name
    found[#found + 1] = newest[index + 1]
  end
end
return found
