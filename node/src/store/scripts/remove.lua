-- Removes a record and answers with what it was, empty if there is none.
-- KEYS: the record, the ids. ARGV: its id.

local record = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return record
