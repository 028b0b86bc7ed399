-- The flags of a group that are set.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is mark:<group>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: group
-- returns  {member...}

return redis.call('SMEMBERS', prefix .. 'mark:' .. given.group)
