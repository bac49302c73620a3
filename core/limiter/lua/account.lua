-- The account of one credential: core/rules/accounts.py, limits.py and standing.py once more, for
-- Redis. A change there is a change here; the tests hold the two against each other.
--
-- Every script is this file and one more. ARGV[1] is the time, or '' for the server's. Each account
-- has five keys: its state (packed), the minute's and the day's buckets but the last, which is in
-- the state (lists of 'leaves requests tokens'), the reservations by the moment they expire (sorted
-- set), and what these are ('requests tokens owner', hash). A call costs the same at any limit.

local MINUTE, MINUTE_GRAIN = 60, 0.25
local DAY, DAY_GRAIN = 86400, 360
local MARGIN, EPSILON = 0.05, 1e-6
local START_RPM, CLIMB_RPM, STEP, BACK_OFF, REACHED = 60, 6, 0.1, 0.5, 0.9
local FRESH, TOKEN_BURST = 60, 1
local FULL, NEVER = 1e15, 1e18
local FULL_WAIT, CAREFUL = 0.25, 0.25
local EXHAUSTED, LATE, LONGEST_BACKOFF, STRICT = 3600, 1, 60, 600
local STATE_TTL, REFRESH = 30 * 86400, 86400

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function exact(number)
  return string.format('%.17g', number)
end

local function least(one, other)
  if one and other then return math.min(one, other) end
  return one or other
end

-- Windows ----------------------------------------------------------------------------------------

local function new_window()
  return {requests = 0, tokens = 0}
end

local function add(window, key, span, grain, at, requests, tokens)
  local leaves = math.ceil((at + span + MARGIN) / grain)
  if window.tail and window.tail >= leaves then
    window.tail_requests = window.tail_requests + requests
    window.tail_tokens = window.tail_tokens + tokens
  else
    if window.tail then
      local closed = string.format('%d %d %d', window.tail, window.tail_requests, window.tail_tokens)
      redis.call('RPUSH', key, closed)
      redis.call('EXPIRE', key, 2 * span)
      window.head = window.head or window.tail
    end
    window.tail, window.tail_requests, window.tail_tokens = leaves, requests, tokens
  end
  window.requests = window.requests + requests
  window.tokens = window.tokens + tokens
end

local function prune(window, key, grain)
  local changed = false
  while window.head and window.head * grain <= now do
    local bucket = redis.call('LPOP', key)
    if bucket then
      local _, r, t = string.match(bucket, '(%S+) (%S+) (%S+)')
      window.requests, window.tokens = window.requests - r, window.tokens - t
    else
      window.requests, window.tokens = window.tail_requests, window.tail_tokens
    end
    local first = bucket and redis.call('LINDEX', key, 0)
    window.head = first and tonumber(string.match(first, '%S+')) or nil
    changed = true
  end
  if window.tail and not window.head and window.tail * grain <= now then
    window.requests, window.tokens, window.tail = 0, 0, nil
    changed = true
  end
  return changed
end

-- Return when so much will have left, in slices: mostly the first few buckets tell.
local function leaves(window, key, grain, field, excess)
  local from, buckets = 0, nil
  repeat
    buckets = redis.call('LRANGE', key, from, from + 15)
    for _, bucket in ipairs(buckets) do
      local l, r, t = string.match(bucket, '(%S+) (%S+) (%S+)')
      excess = excess - (field == 'requests' and r or t)
      if excess <= 0 then return l * grain end
    end
    from = from + 16
  until #buckets < 16
  if window.tail and excess <= window['tail_' .. field] then return window.tail * grain end
  return nil
end

-- Gates ------------------------------------------------------------------------------------------

local function new_gate()
  return {level = FULL, at = 0, most = 0, told = -FULL, trust = -FULL, hold = -FULL, newest = 0}
end

local function fresh(gate)
  return now <= gate.told + FRESH
end

local function bounds(gate, amount, burst)
  if fresh(gate) then return math.max(gate.most, amount), amount end
  return burst, math.min(amount, burst)
end

local function level_of(gate, rate, ceiling)
  return math.min(ceiling, gate.level + rate * (now - gate.at))
end

local function gate_opens(gate, amount, rate, burst)
  local ceiling, need = bounds(gate, amount, burst)
  local short = need - level_of(gate, rate, ceiling)
  local opens = now
  if short > EPSILON then opens = now + short / rate end
  return math.max(opens, gate.hold)
end

local function gate_take(gate, moment, amount, rate, burst)
  local ceiling = bounds(gate, amount, burst)
  local level = level_of(gate, rate, ceiling) + rate * (moment - now)
  gate.level, gate.at = math.min(level, ceiling) - amount, moment
end

local function hold_for(gate, remaining, reset, limit, rate)
  for _, full in ipairs({limit, math.max(gate.most, 1)}) do
    local until_full = (full - remaining) / rate
    if 0.8 * until_full <= reset and reset <= 1.25 * until_full then return end
  end
  gate.hold = now + math.min(reset, MINUTE)
end

local function gate_hear(gate, seen, call, rate, burst, limit)
  if not seen.remaining then return end
  local level = level_of(gate, rate, FULL)
  if now >= gate.trust then
    local ceiling = math.max(seen.remaining, burst)
    if limit then ceiling = math.min(ceiling, limit) end
    gate.most = fresh(gate) and math.max(gate.most, ceiling) or ceiling
    gate.told = now
    level = math.max(math.min(level, gate.most), seen.remaining - call.after - call.ahead)
  end
  gate.level = math.min(level, seen.remaining - call.after + rate * call.age)
  gate.at = now
  gate.hold = -FULL
  if seen.remaining < call.amount and seen.reset then
    hold_for(gate, seen.remaining, seen.reset, math.max(burst, limit or gate.most), rate)
  end
end

local function distrust(gate)
  gate.told, gate.trust = -FULL, now + FRESH
end

-- Pace -------------------------------------------------------------------------------------------

local function pace_rpm(state, base)
  if not base then return state.found or START_RPM end
  return least(base, state.found)
end

local function rise(state, base)
  local rate = pace_rpm(state, base)
  if not base and state.climbing then
    state.found = rate + CLIMB_RPM
  elseif state.found then
    state.found = rate + STEP * (base or rate) / rate
    if base and state.found >= base then state.found = nil end
  end
end

local function fall(state, base, used)
  local rate = pace_rpm(state, base)
  state.climbing = false
  state.found = math.min(rate, math.max(1, BACK_OFF * rate, REACHED * used))
end

-- Accounts ---------------------------------------------------------------------------------------

local function reinstate(state)
  state.health, state.until_, state.reason = 'healthy', -NEVER, ''
  state.streak, state.settled, state.throttled_at = 0, 0, -NEVER
  state.requests, state.tokens = new_gate(), new_gate()
  state.found, state.climbing = nil, true
  state.told_rpm, state.told_tpm, state.told_rpd, state.rpm, state.tpm = nil, nil, nil, nil, nil
end

local function count(account, at, requests, tokens)
  local state = account.state
  add(state.minute, account.minute, MINUTE, MINUTE_GRAIN, at, requests, tokens)
  add(state.day, account.day, DAY, DAY_GRAIN, at, requests, tokens)
end

-- Take a reservation out; return what it was, or nothing if there is none.
local function pop(account, id)
  if redis.call('ZREM', account.expiries, id) == 0 then return nil end
  local call = redis.call('HGET', account.calls, id) or '0 0 '
  redis.call('HDEL', account.calls, id)
  local requests, tokens = string.match(call, '(%d+) (%d+) ')
  local state = account.state
  state.flying = state.flying - requests
  state.flying_tokens = state.flying_tokens - tokens
  return tonumber(requests), tonumber(tokens)
end

local function settle_expired(account)
  local state, changed = account.state, false
  while true do
    local first = redis.call('ZRANGE', account.expiries, 0, 0, 'WITHSCORES')
    if not first[1] then
      -- Also where the server dropped the reservations, but not the state.
      changed = changed or state.flying ~= 0
      state.flying, state.flying_tokens = 0, 0
      return changed
    end
    if tonumber(first[2]) > now then return changed end
    local requests, tokens = pop(account, first[1])
    count(account, tonumber(first[2]), requests, tokens)
    changed = true
  end
end

local function load(index)
  local at = (index - 1) * 5
  local account = {
    key = KEYS[at + 1], minute = KEYS[at + 2], day = KEYS[at + 3],
    expiries = KEYS[at + 4], calls = KEYS[at + 5],
  }
  local packed = redis.call('GET', account.key)
  if packed then
    account.state = cmsgpack.unpack(packed)
  else
    account.state = {
      minute = new_window(), day = new_window(), flying = 0, flying_tokens = 0,
      granted = 0, granted_tokens = 0, last = -FULL,
    }
    reinstate(account.state)
    -- What is left of an account whose state the server dropped counts for nothing.
    redis.call('DEL', account.minute, account.day, account.expiries, account.calls)
  end
  local state = account.state
  account.changed = settle_expired(account)
  account.changed = prune(state.minute, account.minute, MINUTE_GRAIN) or account.changed
  account.changed = prune(state.day, account.day, DAY_GRAIN) or account.changed
  return account
end

local function save(account)
  redis.call('SET', account.key, cmsgpack.pack(account.state), 'EX', STATE_TTL)
end

local function used(state)
  return state.minute.requests + state.flying
end

local function token_rate(state, tpm)
  if tpm then return tpm / MINUTE end
  return fresh(state.tokens) and state.tokens.most / MINUTE or 0
end
