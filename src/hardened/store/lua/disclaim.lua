-- A claim ends without the action being done, or nobody knows. The meaning is that of once.py.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is once:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key, owner, ttl, unknown
-- returns  1 if the claim was there, else 0

local key = prefix .. 'once:' .. given.key
local found = redis.call('HMGET', key, 'owner', 'done', 'ends')
if found[1] ~= given.owner or tonumber(found[3]) <= now or found[2] == '1' then return 0 end
if given.unknown then
  keep_once(key, given.owner, 0, false, nil, given.ttl)
else
  redis.call('DEL', key)
end
return 1
