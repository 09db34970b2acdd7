-- Keeps a new record and answers with its id.
-- KEYS: the last id, the ids. ARGV: how the key of a record begins, then a name and a JSON text for each field.

-- Written as an integer, which Lua would not do from 10^14 on.
local id = string.format('%.0f', redis.call('INCR', KEYS[1]))
local record = ARGV[1] .. id
redis.call('HSET', record, 'id', '0 ' .. id)
for i = 2, #ARGV, 2 do
  redis.call('HSET', record, ARGV[i], (i / 2) .. ' ' .. ARGV[i + 1])
end
redis.call('ZADD', KEYS[2], id, id)
return id
