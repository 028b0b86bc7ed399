-- What several scripts share; stands before each of them. The meaning is that of amounts.py, operation by operation.
--
-- All keys of a store begin with KEYS[1], which holds its hash tag: so they lie in one slot of a cluster, and a script
-- may name further ones. Numbers are put into text with %.17g, as Lua's own conversion would cut them at 14 digits.

local prefix = KEYS[1]
local GRACE, SWEPT = 86400, 64

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6 + tonumber(ARGV[1])
local given = cjson.decode(ARGV[2])

local function text(number)
  return string.format('%.17g', number + 0 == 0 and 0 or number) -- never -0, which is no integer for Redis
end

local function add(key, until_, used, held)
  local name = prefix .. 'count:' .. key
  local total_used = redis.call('HINCRBY', name, 'used', text(used))
  local total_held = redis.call('HINCRBY', name, 'held', text(held))
  if total_held < 0 then
    redis.call('HSET', name, 'held', 0)
    total_held = 0
  end
  redis.call('EXPIREAT', name, string.format('%d', until_ + GRACE))
  return total_used, total_held
end

local function level(key, cap, period)
  local found = redis.call('HMGET', prefix .. 'rate:' .. key, 'level', 'at')
  if not found[1] then return 0 end
  return math.max(tonumber(found[1]) - math.max(now - tonumber(found[2]), 0) * cap / period, 0)
end

local function draw(key, amount, cap, period)
  local name, filled = prefix .. 'rate:' .. key, math.max(level(key, cap, period) + amount, 0)
  redis.call('HSET', name, 'level', text(filled), 'at', text(now), 'cap', text(cap), 'period', text(period))
  local empty_after = period
  if cap > 0 then empty_after = filled / cap * period end
  redis.call('EXPIRE', name, string.format('%d', math.ceil(empty_after) + 1))
end

-- The first bucket or line that has no room, as an answer, or nil.
local function no_room(lines, buckets)
  for _, bucket in ipairs(buckets) do
    local key, amount, cap, period = unpack(bucket)
    local filled = level(key, cap, period)
    if filled + amount > cap then
      local wait = 0
      if cap > 0 then wait = math.min(filled + amount - cap, filled) * period / cap end
      return { 'denied', key, math.floor(filled + 0.5), text(wait) }
    end
  end
  for _, line in ipairs(lines) do
    local key, amount, cap, until_ = unpack(line)
    local found = redis.call('HMGET', prefix .. 'count:' .. key, 'used', 'held')
    local total = (tonumber(found[1]) or 0) + (tonumber(found[2]) or 0)
    if total + amount > cap then return { 'denied', key, total, text(math.max(until_ - now, 0)) } end
  end
  return nil
end

-- Hold the amounts of lines in the hold of that name, which may be there already. Returns the totals.
local function hold_lines(hold, lines)
  local totals = { 'reserved' }
  for _, line in ipairs(lines) do
    local key, amount, _, until_ = unpack(line)
    local used, held = add(key, until_, 0, amount)
    redis.call('HINCRBY', hold, 'amount ' .. key, text(amount))
    redis.call('HSET', hold, 'until ' .. key, text(until_))
    totals[#totals + 1] = used + held
  end
  return totals
end

local function hold_buckets(hold, buckets)
  for _, bucket in ipairs(buckets) do
    local key, amount, cap, period = unpack(bucket)
    draw(key, amount, cap, period)
    redis.call('HINCRBY', hold, 'bucket ' .. key, text(amount))
    redis.call('HSET', hold, 'cap ' .. key, text(cap), 'period ' .. key, text(period))
  end
end

local function let_live(id, ttl, sent)
  local name = prefix .. 'hold:' .. id
  redis.call('HSET', name, 'sent', sent and '1' or '0')
  redis.call('ZADD', prefix .. 'holds', text(now + ttl), id)
  redis.call('EXPIRE', name, string.format('%d', math.ceil(ttl) + 2 * GRACE))
end

-- Turn what a hold holds into what was used: actual[key], else as it was held; of a hold that was charged at its
-- expiry only the difference. Returns keys and their totals, in turn.
local function close(fields, actual, buckets)
  local totals = { 'settled' }
  local over = fields['over'] == '1'
  for field, value in pairs(fields) do
    local kind, key = string.match(field, '^(%a+) (.*)$')
    local amount = tonumber(value)
    if kind == 'amount' then
      local spent = actual[key] or amount
      local used = add(key, tonumber(fields['until ' .. key]), over and spent - amount or spent, over and 0 or -amount)
      totals[#totals + 1] = key
      totals[#totals + 1] = used
    elseif kind == 'bucket' and buckets then
      local cap, period = tonumber(fields['cap ' .. key]), tonumber(fields['period ' .. key])
      draw(key, (actual[key] or amount) - amount, cap, period)
    end
  end
  return totals
end

local function read_hold(id)
  local flat = redis.call('HGETALL', prefix .. 'hold:' .. id)
  if #flat == 0 then return nil end
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

local function forget_hold(id)
  redis.call('DEL', prefix .. 'hold:' .. id)
  redis.call('ZREM', prefix .. 'holds', id)
end

local nothing = setmetatable({}, { __index = function() return 0 end })

local function sweep()
  local due = redis.call('ZRANGEBYSCORE', prefix .. 'holds', '-inf', text(now), 'LIMIT', 0, SWEPT)
  for _, id in ipairs(due) do
    local fields = read_hold(id)
    if fields and fields['over'] ~= '1' and fields['sent'] == '1' then
      close(fields, {}, false)
      redis.call('HSET', prefix .. 'hold:' .. id, 'over', '1')
      redis.call('ZADD', prefix .. 'holds', text(now + GRACE), id)
    else
      if fields and fields['over'] ~= '1' then close(fields, nothing, false) end
      forget_hold(id)
    end
  end
end

local function tally(tallies)
  for _, one in ipairs(tallies) do
    local group, member, amounts, until_ = unpack(one)
    for i, amount in ipairs(amounts) do
      redis.call('HINCRBY', prefix .. 'tally:' .. group, i .. ' ' .. member, text(amount))
    end
    redis.call('EXPIREAT', prefix .. 'tally:' .. group, string.format('%d', until_))
  end
end

-- Write the state of an action that is done once; it is forgotten after `ttl` seconds.
local function keep_once(key, owner, until_, done, result, ttl)
  redis.call('DEL', key)
  redis.call('HSET', key, 'owner', owner, 'until', text(until_), 'done', done and '1' or '0', 'ends', text(now + ttl))
  if result and result ~= cjson.null then redis.call('HSET', key, 'result', result) end
  redis.call('EXPIRE', key, string.format('%d', math.ceil(ttl) + 1))
end
