-- ARGV: time, health, the wait that was named or '', reason.

local account = load(1)
local state = account.state
local health, wait, reason = ARGV[2], tonumber(ARGV[3]), ARGV[4]
if wait == 0 then wait = nil end

local function throttle()
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

if health == 'revoked' then
  state.health, state.until_, state.reason = health, NEVER, reason
elseif health == 'exhausted' then
  if state.health ~= 'revoked' then
    state.health, state.until_, state.reason = health, now + (wait or EXHAUSTED), reason
  end
elseif throttle() then
  if not fresh(state.requests) then fall(state, state.rpm, used(state)) end
  distrust(state.requests)
  distrust(state.tokens)
end
save(account)
