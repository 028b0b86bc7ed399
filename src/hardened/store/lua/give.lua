-- Put amounts back into buckets; a negative one takes more.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are rate:*
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: buckets [[key, amount, cap, period]]
-- returns  nil

for _, bucket in ipairs(given.buckets) do
  local key, amount, cap, period = unpack(bucket)
  draw(key, -amount, cap, period)
end
