-- Write a value for some time, with `new` only if there is none.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is value:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key, value, ttl, new
-- returns  1 if it was written, else 0

local key = prefix .. 'value:' .. given.key
local ends = redis.call('HGET', key, 'until')
if given.new and ends and tonumber(ends) > now then return 0 end
redis.call('HSET', key, 'value', given.value, 'until', text(now + given.ttl))
redis.call('EXPIRE', key, string.format('%d', math.ceil(given.ttl) + 1))
return 1
