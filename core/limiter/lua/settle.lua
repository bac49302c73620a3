-- ARGV: time, id, requests and tokens of the cost; the stamp: when it was sent, busy, requests and
-- tokens granted, requests and tokens ahead; tokens used or '', failed; limit, remaining, reset and
-- whether it is a day's, of requests; limit, remaining, reset of tokens; then, where the credential
-- is to rest: health, the wait that was named or '', reason.

local account = load(1)
local state = account.state
local cost = {requests = tonumber(ARGV[3]), tokens = tonumber(ARGV[4])}
local stamp = {
  at = tonumber(ARGV[5]), busy = ARGV[6] == '1', granted = tonumber(ARGV[7]),
  granted_tokens = tonumber(ARGV[8]), ahead = tonumber(ARGV[9]), ahead_tokens = tonumber(ARGV[10]),
}
local used_tokens, failed = tonumber(ARGV[11]), ARGV[12] == '1'
local requests = {limit = tonumber(ARGV[13]), remaining = tonumber(ARGV[14]), reset = tonumber(ARGV[15])}
local tokens = {limit = tonumber(ARGV[17]), remaining = tonumber(ARGV[18]), reset = tonumber(ARGV[19])}
local rest = ARGV[20]

local function tell()
  local daily = ARGV[16] == '1'
    or (requests.limit ~= nil and requests.limit == state.rpd and state.rpd ~= state.rpm)
  state.told_tpm = tokens.limit or state.told_tpm
  if daily then
    state.told_rpd = requests.limit or state.told_rpd
    if requests.remaining == 0 and requests.limit then
      local unit = DAY / requests.limit
      if requests.reset and requests.reset > 0 then unit = math.min(unit, requests.reset) end
      state.requests.hold = now + unit
    end
  else
    state.told_rpm = requests.limit or state.told_rpm
  end
  return daily
end

local function learn(daily)
  local age = math.max(0, now - stamp.at)
  local call = {amount = 1, after = 0, ahead = stamp.ahead, age = age}
  local token_call = {amount = cost.tokens, after = 0, ahead = stamp.ahead_tokens, age = age}
  if stamp.granted <= state.granted then
    if stamp.granted < state.requests.newest then return end
    state.requests.newest = stamp.granted
    call.after = state.granted - stamp.granted
    token_call.after = state.granted_tokens - stamp.granted_tokens
  end
  if daily then
    word_hear(state.daily, requests, call, requests.reset and requests.reset > 0 and requests.reset or FRESH)
  else
    local rpm = least(state.rpm, state.told_rpm)
    gate_learn(state.requests, requests, call, pace_rpm(state, rpm) / MINUTE, 1, rpm)
  end
  local tpm = least(state.tpm, state.told_tpm)
  local limit = tpm or (state.tokens.most > 0 and state.tokens.most)
  if not limit then
    limit = tokens.remaining and tokens.remaining > 0 and tokens.remaining or 1
  end
  gate_learn(state.tokens, tokens, token_call, limit / MINUTE, limit / MINUTE * TOKEN_BURST, tpm)
end

local actual = used_tokens or cost.tokens
if now < state.throttled_at + STRICT then actual = math.max(actual, cost.tokens) end
local known = pop(account, ARGV[2])
if known then
  if actual > cost.tokens or not fresh(state.tokens) then
    state.tokens.level = state.tokens.level + cost.tokens - actual
  end
  if not rest then
    crowd_settle(state.crowd, stamp.granted, state.granted, math.max(0, now - stamp.at), failed)
  end
end
count(account, now, cost.requests, actual)
if stamp.at >= state.until_ then
  state.settled = state.settled + 1
  state.on_trial = state.on_trial and rest ~= nil
  if stamp.busy and known then rise(state, state.rpm) end
end
local daily = tell()
learn(daily)
word_end(daily and state.daily or state.requests, requests.remaining, stamp.at, state.flying)
word_end(state.tokens, tokens.remaining, stamp.at, state.flying_tokens)
if rest and penalize(state, rest, tonumber(ARGV[21]), ARGV[22]) then
  crowd_cut(state.crowd, stamp.granted, state.granted)
end
save(account)
