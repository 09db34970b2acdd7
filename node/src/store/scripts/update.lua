-- Merges fields into a record and answers with it, with nothing if there is none, or with 0 if it would get too large.
-- KEYS: the record. ARGV: how many fields it may have, then a name and a JSON text for each field.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local count = redis.call('HLEN', KEYS[1])
local places = {}
for i = 2, #ARGV, 2 do
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if kept then
    places[i] = string.match(kept, '^%d+')
  else
    -- No field is ever removed, so this place is free.
    places[i] = count
    count = count + 1
  end
end
if count > tonumber(ARGV[1]) then
  return 0
end
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], places[i] .. ' ' .. ARGV[i + 1])
end
return redis.call('HGETALL', KEYS[1])
