-- The sums of a group.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is tally:<group>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: group
-- returns  {'<i> <member>', the i-th sum of the member, ...}

return redis.call('HGETALL', prefix .. 'tally:' .. given.group)
