-- The account of one credential: core/rules/accounts.py, rates.py and standing.py once more.

local START_RPM, CLIMB_RPM, STEP, BACK_OFF, REACHED = 60, 6, 0.1, 0.5, 0.9
local NO_PACE_RPM, OVERRUNS = 6e7, 3
local FULL_WAIT, CAREFUL = 0.25, 0.25
local EXHAUSTED, LATE, LONGEST_BACKOFF, STRICT = 3600, 1, 60, 600
local LONG_WAIT = 120
local STATE_TTL, REFRESH = 30 * 86400, 86400

-- Pace -------------------------------------------------------------------------------------------

local function paces(state, base)
  return base or state.found or not state.finds_crowd
end

local function pace_rpm(state, base)
  if not base then
    return state.found or (state.finds_crowd and NO_PACE_RPM or START_RPM)
  end
  return least(base, state.found)
end

local function rise(state, base)
  if not paces(state, base) then return end
  local rate = pace_rpm(state, base)
  if not base and state.climbing then
    state.found = rate + CLIMB_RPM
  elseif state.found then
    state.found = rate + STEP * (base or rate) / rate
    if base and state.found >= base then state.found = nil end
  end
end

local function fall(state, base, used)
  local rate = paces(state, base) and pace_rpm(state, base) or math.max(1, used)
  state.climbing = false
  state.found = math.min(rate, math.max(1, BACK_OFF * rate, REACHED * used))
end

-- Accounts ---------------------------------------------------------------------------------------

local function reinstate(state)
  state.health, state.until_, state.reason = 'healthy', -NEVER, ''
  state.streak, state.settled, state.throttled_at, state.on_trial = 0, 0, -NEVER, false
  state.requests, state.tokens, state.daily = new_gate(), new_gate(), new_word()
  state.crowd = new_crowd(state.granted)
  state.found, state.climbing, state.finds_crowd = nil, true, false
  state.told_rpm, state.told_tpm, state.told_rpd = nil, nil, nil
  state.rpm, state.tpm, state.rpd = nil, nil, nil
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

-- Rest after a 429, an exhausted quota or a revocation; return whether that is for a 429 that is news.
local function throttle(state, wait, reason)
  local news = now >= math.max(state.throttled_at + LATE, state.until_)
  if news then
    state.streak = state.settled > 1 and 1 or state.streak + 1
    state.settled = 0
    state.throttled_at = now
  end
  if wait or news then
    local rest = wait and math.min(wait, DAY)
      or math.min(LONGEST_BACKOFF, 2 ^ (math.min(state.streak, 7) - 1))
    if now + rest > state.until_ then
      state.health, state.until_, state.reason = 'throttled', now + rest, reason
    end
  end
  return news
end

local function turn_away(state, wait)
  if wait and wait > LONG_WAIT then
    state.daily.resets_at = now + wait + MARGIN
    return
  end
  if not fresh(state.requests) and (paces(state, state.rpm) or state.streak >= OVERRUNS) then
    fall(state, state.rpm, used(state))
  end
  distrust(state.requests)
  distrust(state.tokens)
end

local function penalize(state, health, wait, reason)
  if health == 'revoked' then
    state.health, state.until_, state.reason = health, NEVER, reason
  elseif health == 'exhausted' then
    if state.health ~= 'revoked' then
      local rest = wait and wait > 0 and wait or EXHAUSTED
      state.health, state.until_, state.reason = health, now + rest, reason
      state.on_trial = true
    end
  elseif throttle(state, wait and wait > 0 and wait or nil, reason) then
    turn_away(state, wait)
    return true
  end
  return false
end
