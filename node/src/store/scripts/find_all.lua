-- Answers with the last id of a page, empty after the last page, and the page's records.
-- KEYS: the ids. ARGV: how the key of a record begins, the id to go on after, the size of a page.

local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
local page = { #ids == tonumber(ARGV[3]) and ids[#ids] or '' }
for _, id in ipairs(ids) do
  local record = redis.call('HGETALL', ARGV[1] .. id)
  -- One that Redis has evicted is no reason to hide the others.
  if #record > 0 then
    page[#page + 1] = record
  end
end
return page
