-- Answers with a record, empty if there is none.
-- KEYS: the record.

return redis.call('HGETALL', KEYS[1])
