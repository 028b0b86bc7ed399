-- Take from all buckets or from none.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are rate:*
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: buckets [[key, amount, cap, period]]
-- returns  nil, or {'denied', key, used, wait}

local denied = no_room({}, given.buckets)
if denied then return denied end
for _, bucket in ipairs(given.buckets) do draw(unpack(bucket)) end
