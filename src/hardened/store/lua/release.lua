-- Give a hold back: nothing was used.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are count:*, rate:*, hold:*, holds
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: hold
-- returns  1 if it was there, else 0

local fields = read_hold(given.hold)
if not fields then return 0 end
forget_hold(given.hold)
close(fields, nothing, true)
return 1
