-- Give a permit back.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is lease:<name>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: name, owner
-- returns  1 if it was there, else 0

local key = prefix .. 'lease:' .. given.name
redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now))
return redis.call('ZREM', key, given.owner)
