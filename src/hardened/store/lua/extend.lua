-- Hold more under the same name, all or nothing, and let the hold live longer.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used are count:*, rate:*, hold:*, holds
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: hold, lines [[key, amount, cap, until]], buckets [[key, amount, cap, period]], ttl, sent
-- returns  {'reserved', total of each line...}, {'denied', key, used, wait}, or nil if the hold is not there any more

local fields = read_hold(given.hold)
if not fields or fields['over'] == '1' then return nil end
local denied = no_room(given.lines, given.buckets)
if denied then return denied end
local hold = prefix .. 'hold:' .. given.hold
local totals = hold_lines(hold, given.lines)
hold_buckets(hold, given.buckets)
let_live(given.hold, given.ttl, given.sent)
return totals
