-- Claim an action that is done once. The meaning is that of once.py.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is once:<key>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: key, owner, lease, ttl, take_over
-- returns  {state, result or false, wait, again}

local key = prefix .. 'once:' .. given.key
local found = redis.call('HMGET', key, 'owner', 'until', 'done', 'result', 'ends')
local there = found[1] and tonumber(found[5]) > now
if there then
  if found[3] == '1' then return { 'done', found[4], '0', 0 } end
  local wait = tonumber(found[2]) - now
  if wait > 0 then return { 'running', false, text(wait), 0 } end
  if not given.take_over then return { 'unknown', false, '0', 0 } end
end
keep_once(key, given.owner, now + given.lease, false, nil, given.lease + given.ttl)
return { 'mine', false, '0', there and 1 or 0 }
