-- ARGV: time, tokens of the cost; limit, remaining, reset and whether it is a day's, of requests;
-- limit, remaining, reset of tokens; then, with a stamp: when it was sent, requests and tokens
-- granted, requests and tokens ahead.

local account = load(1)
local state = account.state
local requests = {limit = tonumber(ARGV[3]), remaining = tonumber(ARGV[4]), reset = tonumber(ARGV[5])}
local daily = ARGV[6] == '1'
local tokens = {limit = tonumber(ARGV[7]), remaining = tonumber(ARGV[8]), reset = tonumber(ARGV[9])}

state.told_tpm = tokens.limit or state.told_tpm
if daily then
  state.told_rpd = requests.limit or state.told_rpd
  if requests.remaining == 0 and requests.limit then
    state.requests.hold = now + DAY / requests.limit
  end
else
  state.told_rpm = requests.limit or state.told_rpm
end

local call = {amount = 1, after = state.flying, ahead = 0, age = 0}
local token_call = {amount = tonumber(ARGV[2]), after = state.flying_tokens, ahead = 0, age = 0}
local granted = tonumber(ARGV[11])
if granted and granted <= state.granted then
  if granted < state.requests.newest then
    save(account)
    return
  end
  state.requests.newest = granted
  call.after, call.ahead = state.granted - granted, tonumber(ARGV[13])
  token_call.after, token_call.ahead = state.granted_tokens - ARGV[12], tonumber(ARGV[14])
  call.age = math.max(0, now - ARGV[10])
  token_call.age = call.age
end

if not daily then
  local rpm = least(state.rpm, state.told_rpm)
  gate_hear(state.requests, requests, call, pace_rpm(state, rpm) / MINUTE, 1, rpm)
end
local tpm = least(state.tpm, state.told_tpm)
local limit = tpm or (state.tokens.most > 0 and state.tokens.most)
if not limit then
  limit = tokens.remaining and tokens.remaining > 0 and tokens.remaining or 1
end
gate_hear(state.tokens, tokens, token_call, limit / MINUTE, limit / MINUTE * TOKEN_BURST, tpm)
save(account)
