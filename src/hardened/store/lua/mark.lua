-- Set a flag in a group of flags, or take it away.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is mark:<group>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: group, member, on
-- returns  nil

redis.call(given.on and 'SADD' or 'SREM', prefix .. 'mark:' .. given.group, given.member)
