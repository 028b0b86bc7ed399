-- Remove a value.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is value:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key
-- returns  1 if there was one, else 0

local ends = redis.call('HGET', prefix .. 'value:' .. given.key, 'until')
redis.call('DEL', prefix .. 'value:' .. given.key)
return ends and tonumber(ends) > now and 1 or 0
