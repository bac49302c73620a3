-- ARGV: time, rpm, tpm, rpd, concurrency or '', horizon, ttl, id, owner, then requests and tokens of
-- each call. Answers {index of the account, delay, stamp…} for each call that has room, then, unless
-- all have, {0, then at, why, sure, reach of each account}. The ids of grants are the id with the
-- number of the call.

local limits = {
  rpm = tonumber(ARGV[2]), tpm = tonumber(ARGV[3]), rpd = tonumber(ARGV[4]),
  concurrency = tonumber(ARGV[5]),
}
local horizon, ttl, id, owner = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9]
local TOLERANCE = 1e-6
local RPM, TPM, RPD = 'requests per minute', 'tokens per minute', 'requests per day'
local CONCURRENCY = 'concurrency'

local function concurrency(state)
  return limits.concurrency or crowd_room(state.crowd)
end

local function never(known, cost)
  if known.tpm and cost.tokens > known.tpm then return TPM end
  if known.rpm and cost.requests > known.rpm then return RPM end
  if known.rpd and cost.requests > known.rpd then return RPD end
  return nil
end

-- Return when a full log has room, and whether that is sure, as the provider's word has it.
local function excused_by(word, need, left, sure, alone)
  local excused = excuses(word, need, alone)
  if not excused then
    local hint = math.max(now + FULL_WAIT, word.resets_at)
    if hint < left then return hint, false end
    return left, sure
  end
  if excused < left or not sure then return excused, true end
  return left, sure
end

local function logged(account, known, cost)
  local state, at, why = account.state, now, ''
  local requests, tokens = state.flying + cost.requests, state.flying_tokens + cost.tokens
  local told_rpd = state.told_rpd
  if not told_rpd and state.daily.resets_at < FULL then told_rpd = known.rpd end
  local minute, day = state.minute, state.day
  for _, row in ipairs({
    {known.rpm or false, minute, account.minute, MINUTE_GRAIN, 'requests', requests, RPM,
      state.told_rpm or false, state.requests, cost.requests},
    {known.tpm or false, minute, account.minute, MINUTE_GRAIN, 'tokens', tokens, TPM,
      state.told_tpm or false, state.tokens, cost.tokens},
    {known.rpd or false, day, account.day, DAY_GRAIN, 'requests', requests, RPD,
      told_rpd or false, state.daily, cost.requests},
  }) do
    local limit, window, key, grain, field, amount, reason, said, word, need = unpack(row)
    local excess = limit and window[field] + amount - limit or 0
    if excess > 0 then
      local left = leaves(window, key, grain, field, excess)
      local moment, sure = left or now + FULL_WAIT, left ~= nil
      if said == limit then moment, sure = excused_by(word, need, moment, sure, state.flying == 0) end
      if not sure then return moment, reason, false end
      if moment > at then at, why = moment, reason end
    end
  end
  return at, why, true
end

local function gated(state, known, cost)
  local at = gate_opens(state.requests, cost.requests, pace_rpm(state, known.rpm) / MINUTE, 1)
  local rate = token_rate(state, known.tpm)
  if rate > 0 then
    local opens = gate_opens(state.tokens, cost.tokens, rate, rate * TOKEN_BURST)
    if opens > at then return opens, TPM end
  end
  return at, RPM
end

local function opening(account, known, cost)
  local state = account.state
  if state.until_ >= NEVER then return {NEVER, 'revoked', true, 0} end
  local at, why = now, ''
  if state.until_ > now then at, why = state.until_, state.health end
  local places = state.on_trial and 1 or concurrency(state)
  if cost.requests > places then return {NEVER, CONCURRENCY, true, 0} end
  local reason = never(known, cost)
  if reason then return {NEVER, reason, true, 0} end
  if state.flying + cost.requests > places then
    return {math.max(at, now + FULL_WAIT), why ~= '' and why or CONCURRENCY, false, 0}
  end
  local log_at, log_why, sure = logged(account, known, cost)
  if not sure then return {math.max(at, log_at), why ~= '' and why or log_why, false, 0} end
  local gate_at, gate_why = gated(state, known, cost)
  if gate_at > log_at then log_at, log_why = gate_at, gate_why end
  if log_at > at then at, why = log_at, log_why end
  local careful = not known.rpm or state.found or not fresh(state.requests)
  return {at, why, true, careful and math.min(horizon, CAREFUL) or horizon}
end

local function take(account, known, cost, moment, call_id)
  local state = account.state
  local rate, ahead, ahead_tokens = pace_rpm(state, known.rpm) / MINUTE, state.flying, state.flying_tokens
  local busy = moment - state.last <= 2 * cost.requests / rate
  gate_take(state.requests, moment, cost.requests, rate, 1)
  rate = token_rate(state, known.tpm)
  if rate > 0 then gate_take(state.tokens, moment, cost.tokens, rate, rate * TOKEN_BURST) end
  state.daily.sure = state.daily.sure - cost.requests
  state.rpm, state.tpm, state.rpd, state.last = known.rpm, known.tpm, known.rpd, moment
  state.granted, state.granted_tokens = state.granted + cost.requests, state.granted_tokens + cost.tokens
  state.flying, state.flying_tokens = ahead + cost.requests, ahead_tokens + cost.tokens
  crowd_grant(state.crowd, state.flying)
  redis.call('ZADD', account.expiries, exact(moment + ttl), call_id)
  redis.call('HSET', account.calls, call_id, string.format('%d %d %s', cost.requests, cost.tokens, owner))
  -- Keys that became empty were deleted, and their time to live with them.
  if ahead == 0 or now > (state.refreshed or 0) + REFRESH then
    redis.call('EXPIRE', account.expiries, STATE_TTL)
    redis.call('EXPIRE', account.calls, STATE_TTL)
    state.refreshed = now
  end
  return exact(moment), state.granted, state.granted_tokens, ahead, ahead_tokens, busy and 1 or 0
end

local accounts = {}
for index = 1, #KEYS / 5 do
  local account = load(index)
  local state = account.state
  if state.finds_crowd ~= not limits.concurrency then
    state.finds_crowd, account.changed = not limits.concurrency, true
  end
  account.known = {
    rpm = least(limits.rpm, state.told_rpm),
    tpm = least(limits.tpm, state.told_tpm),
    rpd = least(limits.rpd, state.told_rpd),
  }
  accounts[index] = account
end

local function find(cost, call_id)
  local openings, best = {}, nil
  for index, account in ipairs(accounts) do
    local found = opening(account, account.known, cost)
    openings[index] = found
    if found[3] and found[1] <= now + found[4] + TOLERANCE then
      local first = best and openings[best][1]
      if not best or found[1] < first
        or (found[1] == first and used(account.state) < used(accounts[best].state)) then
        best = index
      end
    end
  end
  if best then
    local account, moment = accounts[best], openings[best][1]
    account.changed = true
    return {best, exact(moment - now), take(account, account.known, cost, moment, call_id)}
  end
  local answer = {0}
  for _, found in ipairs(openings) do
    answer[#answer + 1] = exact(found[1] < NEVER and found[1] - now or NEVER)
    answer[#answer + 1] = found[2]
    answer[#answer + 1] = found[3] and 1 or 0
    answer[#answer + 1] = exact(found[4])
  end
  return answer
end

local answers = {}
for at = 10, #ARGV, 2 do
  local cost = {requests = tonumber(ARGV[at]), tokens = tonumber(ARGV[at + 1])}
  local answer = find(cost, id .. ':' .. #answers)
  answers[#answers + 1] = answer
  if answer[1] == 0 then break end
end
for _, account in ipairs(accounts) do
  if account.changed then save(account) end
end
return answers
