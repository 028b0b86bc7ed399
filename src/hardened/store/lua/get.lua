-- Read a value.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is value:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key
-- returns  the value, or nil if there is none or its time is over

local found = redis.call('HMGET', prefix .. 'value:' .. given.key, 'value', 'until')
if not found[1] or tonumber(found[2]) <= now then return nil end
return found[1]
