-- ARGV: time, rpm, tpm, rpd, concurrency, requests, tokens, horizon, ttl, id, owner.
-- Answers {index of the account, delay, stamp…}, or {0, then at, why, sure, reach of each account}.

local limits = {
  rpm = tonumber(ARGV[2]), tpm = tonumber(ARGV[3]), rpd = tonumber(ARGV[4]),
  concurrency = tonumber(ARGV[5]),
}
local cost = {requests = tonumber(ARGV[6]), tokens = tonumber(ARGV[7])}
local horizon, ttl, id, owner = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10], ARGV[11]
local TOLERANCE = 1e-6
local RPM, TPM, RPD = 'requests per minute', 'tokens per minute', 'requests per day'
local CONCURRENCY = 'concurrency'

local function never(known)
  if known.tpm and cost.tokens > known.tpm then return TPM end
  if known.rpm and cost.requests > known.rpm then return RPM end
  if known.rpd and cost.requests > known.rpd then return RPD end
  return cost.requests > limits.concurrency and CONCURRENCY or nil
end

local function logged(account, known)
  local state, at, why = account.state, now, ''
  local requests, tokens = state.flying + cost.requests, state.flying_tokens + cost.tokens
  for _, row in ipairs({
    {known.rpm or false, state.minute, account.minute, MINUTE_GRAIN, 'requests', requests, RPM},
    {known.tpm or false, state.minute, account.minute, MINUTE_GRAIN, 'tokens', tokens, TPM},
    {known.rpd or false, state.day, account.day, DAY_GRAIN, 'requests', requests, RPD},
  }) do
    local limit, window, key, grain, field, amount, reason = unpack(row)
    local excess = limit and window[field] + amount - limit or 0
    if excess > 0 then
      local left = leaves(window, key, grain, field, excess)
      if not left then return now + FULL_WAIT, reason, false end
      if left > at then at, why = left, reason end
    end
  end
  return at, why, true
end

local function gated(state, known)
  local at = gate_opens(state.requests, cost.requests, pace_rpm(state, known.rpm) / MINUTE, 1)
  local rate = token_rate(state, known.tpm)
  if rate > 0 then
    local opens = gate_opens(state.tokens, cost.tokens, rate, rate * TOKEN_BURST)
    if opens > at then return opens, TPM end
  end
  return at, RPM
end

local function opening(account, known)
  local state = account.state
  if state.until_ >= NEVER then return {NEVER, 'revoked', true, 0} end
  local at, why = now, ''
  if state.until_ > now then at, why = state.until_, state.health end
  local reason = never(known)
  if reason then return {NEVER, reason, true, 0} end
  if state.flying + cost.requests > limits.concurrency then
    return {math.max(at, now + FULL_WAIT), why ~= '' and why or CONCURRENCY, false, 0}
  end
  local log_at, log_why, sure = logged(account, known)
  if not sure then return {math.max(at, log_at), why ~= '' and why or log_why, false, 0} end
  if log_at > at then at, why = log_at, log_why end
  local gate_at, gate_why = gated(state, known)
  if gate_at > at then at, why = gate_at, gate_why end
  local careful = not known.rpm or state.found or not fresh(state.requests)
  return {at, why, true, careful and math.min(horizon, CAREFUL) or horizon}
end

local function take(account, known, moment)
  local state = account.state
  local rate, ahead, ahead_tokens = pace_rpm(state, known.rpm) / MINUTE, state.flying, state.flying_tokens
  local busy = moment - state.last <= 2 * cost.requests / rate
  gate_take(state.requests, moment, cost.requests, rate, 1)
  rate = token_rate(state, known.tpm)
  if rate > 0 then gate_take(state.tokens, moment, cost.tokens, rate, rate * TOKEN_BURST) end
  state.rpm, state.tpm, state.last = known.rpm, known.tpm, moment
  state.granted, state.granted_tokens = state.granted + cost.requests, state.granted_tokens + cost.tokens
  state.flying, state.flying_tokens = ahead + cost.requests, ahead_tokens + cost.tokens
  redis.call('ZADD', account.expiries, exact(moment + ttl), id)
  redis.call('HSET', account.calls, id, string.format('%d %d %s', cost.requests, cost.tokens, owner))
  -- Keys that became empty were deleted, and their time to live with them.
  if ahead == 0 or now > (state.refreshed or 0) + REFRESH then
    redis.call('EXPIRE', account.expiries, STATE_TTL)
    redis.call('EXPIRE', account.calls, STATE_TTL)
    state.refreshed = now
  end
  return exact(moment), state.granted, state.granted_tokens, ahead, ahead_tokens, busy and 1 or 0
end

local accounts, openings, best = {}, {}, nil
for index = 1, #KEYS / 5 do
  local account = load(index)
  local told = account.state
  account.known = {
    rpm = least(limits.rpm, told.told_rpm),
    tpm = least(limits.tpm, told.told_tpm),
    rpd = least(limits.rpd, told.told_rpd),
  }
  local found = opening(account, account.known)
  accounts[index], openings[index] = account, found
  if found[3] and found[1] <= now + found[4] + TOLERANCE then
    local first = best and openings[best][1]
    if not best or found[1] < first
      or (found[1] == first and used(account.state) < used(accounts[best].state)) then
      best = index
    end
  end
end

local answer = {0}
if best then
  local moment = openings[best][1]
  accounts[best].changed = true
  answer = {best, exact(moment - now), take(accounts[best], accounts[best].known, moment)}
else
  for _, found in ipairs(openings) do
    answer[#answer + 1] = exact(found[1] < NEVER and found[1] - now or NEVER)
    answer[#answer + 1] = found[2]
    answer[#answer + 1] = found[3] and 1 or 0
    answer[#answer + 1] = exact(found[4])
  end
end
for _, account in ipairs(accounts) do
  if account.changed then save(account) end
end
return answer
