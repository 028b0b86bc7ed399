-- Ask a breaker for permission, or tell it how a call went. The meaning is that of breaker.py.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is breaker:<name>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: name, event (allow, ok, fail, neutral), owner,
--          rule {failures, ratio, window, recovery, successes, lease}
-- returns  {state, state before, allowed, probing, wait}

local SLOTS = 10
local key, rule, event = prefix .. 'breaker:' .. given.name, given.rule, given.event
local stored = redis.call('GET', key)
local record = stored and cjson.decode(stored) or { state = 'closed', counts = {} }
local before, allowed, probing, wait = record.state, 1, 0, 0

local function open() record = { state = 'open', ['until'] = now + rule.recovery } end

local function allow()
  if record.state == 'open' then
    wait = math.min(record['until'] - now, rule.recovery)
    if wait > 0 then
      allowed = 0
      return
    end
    wait = 0
    record = { state = 'half_open', ok = 0 }
  end
  if record.state == 'closed' then return end
  local probe = record.probe
  if probe and now < probe[2] and probe[2] <= now + rule.lease and probe[1] ~= given.owner then
    allowed, wait = 0, probe[2] - now
    return
  end
  record.probe = { given.owner, now + rule.lease }
  probing = 1
end

local function count()
  if event == 'neutral' then return end
  local slot = math.floor(now * SLOTS / rule.window)
  local counts, failures, total = {}, 0, 0
  for name, one in pairs(record.counts) do
    local number = tonumber(name)
    if slot - SLOTS < number and number <= slot then counts[name] = one end
  end
  local name = string.format('%d', slot)
  local here = counts[name] or { 0, 0 }
  counts[name] = { here[1] + (event == 'ok' and 1 or 0), here[2] + (event == 'fail' and 1 or 0) }
  for _, one in pairs(counts) do
    failures, total = failures + one[2], total + one[1] + one[2]
  end
  record.counts = counts
  if event == 'fail' and failures >= rule.failures and failures >= rule.ratio * total then open() end
end

local function report()
  if record.state == 'closed' then
    count()
  elseif record.state == 'half_open' and record.probe and record.probe[1] == given.owner then
    record.probe = nil
    if event == 'fail' then
      open()
    elseif event == 'ok' then
      record.ok = record.ok + 1
      if record.ok >= rule.successes then record = { state = 'closed', counts = {} } end
    end
  end
end

if event == 'allow' then allow() else report() end
if event ~= 'allow' or record.state ~= 'closed' then
  local kept = math.ceil(10 * math.max(rule.window, rule.recovery, rule.lease))
  redis.call('SET', key, cjson.encode(record), 'EX', string.format('%d', kept))
end
return { record.state, before, allowed, probing, text(wait) }
