-- Charge what a call really used instead of what was held; only the first time.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are count:*, rate:*, hold:*, holds, tally:*
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: hold, actual {key: amount}, tallies [[group, member, [amount...], until]]
-- returns  {'settled', key, used, key, used...}, or nil if the hold is unknown

local fields = read_hold(given.hold)
if not fields then return nil end
forget_hold(given.hold)
tally(given.tallies)
return close(fields, given.actual, true)
