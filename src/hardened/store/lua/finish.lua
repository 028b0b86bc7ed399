-- An action is done, and this is to be kept of its result. The meaning is that of once.py.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is once:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key, owner, result or null, ttl
-- returns  1 if it was written, 0 if somebody else has claimed it meanwhile

local key = prefix .. 'once:' .. given.key
local found = redis.call('HMGET', key, 'owner', 'ends')
if found[1] and tonumber(found[2]) > now and found[1] ~= given.owner then return 0 end
keep_once(key, given.owner, 0, true, given.result, given.ttl)
return 1
