-- Count amounts as used whatever the caps say, once for each name.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are count:*, charged:*, tally:*
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: name, lines [[key, amount, cap, until]], tallies [[group, member, [amount...], until]]
-- returns  nil

if not redis.call('SET', prefix .. 'charged:' .. given.name, 1, 'NX', 'EX', GRACE) then return nil end
for _, line in ipairs(given.lines) do
  local key, amount, _, until_ = unpack(line)
  add(key, until_, amount, 0)
end
tally(given.tallies)
