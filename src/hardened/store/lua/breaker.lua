-- Ask a breaker for permission, or tell it how a call went. The meaning is that of breaker.py.
--
-- KEYS[1]  what all keys begin with, with the hash tag; used is breaker:<name>
-- ARGV[1]  seconds to add to the server's clock: 0, except in tests
-- ARGV[2]  JSON: name, event (allow, ok, fail, neutral), owner, spread,
--          rule {failures, ratio, window, probe, recovery, successes, lease}
-- returns  {state, state before, allowed, probing, wait}

now = math.floor(now * 1000) / 1000 -- JSON here keeps 14 digits: a time must not come back as one in the future
local SLOTS, LATEST, PATIENCE, CREDIT = 10, 100, 0.1, 10
local key, rule, event = prefix .. 'breaker:' .. given.name, given.rule, given.event
local stored = redis.call('GET', key)
local record = stored and cjson.decode(stored) or { state = 'closed', slots = {} }
local before, allowed, probing, wait = record.state, 1, 0, 0

local function open()
  local since = record.since or now
  if record.ended and not (0 <= now - record.ended and now - record.ended < rule.window) then since = now end
  local pause = math.min(rule.recovery, math.max(rule.probe, PATIENCE * (now - since)))
  record = { state = 'open', since = since, ['until'] = now + pause * given.spread }
end

local function refuse(seconds) allowed, wait = 0, seconds end

local function probe()
  local probes, oldest, newest, taken = {}, nil, nil, 0
  for owner, begun in pairs(record.probes) do
    if 0 <= now - begun and now - begun < rule.lease then
      probes[owner] = begun
      oldest, newest, taken = math.min(oldest or begun, begun), math.max(newest or begun, begun), taken + 1
    end
  end
  record.probes = probes
  if not probes[given.owner] and taken > 0 then
    local free = newest + rule.probe / rule.successes
    if taken >= rule.successes then free = oldest + rule.lease end
    if now < free then return refuse(free - now) end
  end
  probes[given.owner] = now
  probing = 1
end

local function allow()
  if record.state == 'open' then
    local left = math.min(record['until'] - now, rule.recovery)
    if left > 0 then return refuse(left) end
    record = { state = 'half_open', since = record.since, ok = 0, failed = 0, probes = {} }
  end
  if record.state == 'half_open' then probe() end
end

local function count()
  if event == 'neutral' then return end
  local slots, failures, total = {}, 0, 0
  for _, slot in ipairs(record.slots) do
    if 0 <= now - slot[1] and now - slot[1] < rule.window then slots[#slots + 1] = slot end
  end
  local last = slots[#slots]
  local size = math.ceil(math.max(LATEST, math.floor(2 * rule.failures / rule.ratio)) / SLOTS)
  if not last or now - last[1] >= rule.window / SLOTS or last[2] + last[3] >= size then
    if #slots == SLOTS then table.remove(slots, 1) end
    last = { now, 0, 0 }
    slots[#slots + 1] = last
  end
  local place = event == 'ok' and 2 or 3
  last[place] = last[place] + 1
  for _, slot in ipairs(slots) do
    failures, total = failures + slot[3], total + slot[2] + slot[3]
  end
  record.slots = slots
  if event == 'fail' and failures >= rule.failures and failures >= rule.ratio * total then open() end
end

local function report()
  if record.state == 'closed' then
    count()
  elseif record.state == 'half_open' and record.probes[given.owner] then
    record.probes[given.owner] = nil
    if event == 'ok' then record.ok = record.ok + 1 end
    if event == 'fail' then record.failed = record.failed + 1 end
    if record.ok >= rule.successes then
      record = { state = 'closed', slots = { { now, CREDIT, 0 } }, since = record.since, ended = now }
    elseif record.failed >= rule.successes then
      open()
    end
  end
end

if event == 'allow' then allow() else report() end
if event ~= 'allow' or probing == 1 then
  local kept = math.ceil(10 * math.max(rule.window, rule.recovery, rule.lease))
  redis.call('SET', key, cjson.encode(record), 'EX', string.format('%d', kept))
end
return { record.state, before, allowed, probing, text(wait) }
