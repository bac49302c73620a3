-- ARGV: time, id, requests and tokens of the cost, when it was sent, busy, tokens used or ''.

local account = load(1)
local state = account.state
local requests, estimate, used_tokens = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
local actual = used_tokens or estimate
if now < state.throttled_at + STRICT then actual = math.max(actual, estimate) end
local known = pop(account, ARGV[2])
if known and (actual > estimate or not fresh(state.tokens)) then
  state.tokens.level = state.tokens.level + estimate - actual
end
count(account, now, requests, actual)
if tonumber(ARGV[5]) >= state.until_ then
  state.settled = state.settled + 1
  if ARGV[6] == '1' and known then rise(state, state.rpm) end
end
save(account)
