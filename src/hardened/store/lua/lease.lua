-- One of so many permits, for some time. The same owner again renews its own.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is lease:<name>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: name, owner, limit, ttl
-- returns  {granted, taken, wait}

local key = prefix .. 'lease:' .. given.name
redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now))
local taken = redis.call('ZCARD', key)
local mine = redis.call('ZSCORE', key, given.owner)
if not mine and taken >= given.limit then
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  return { 0, taken, text(first[2] and tonumber(first[2]) - now or 0) }
end
redis.call('ZADD', key, text(now + given.ttl), given.owner)
redis.call('EXPIRE', key, string.format('%d', math.ceil(math.max(redis.call('TTL', key), given.ttl)) + 1))
return { 1, mine and taken or taken + 1, '0' }
