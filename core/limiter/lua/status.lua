-- ARGV: time. Answers for each account: health, seconds it rests or '', reason, calls under way,
-- owners, requests and tokens of the minute, requests of the day, told RPM, TPM and RPD, found rate,
-- calls under way that are allowed where their number is found.

local answer = {}
for index = 1, #KEYS / 5 do
  local account = load(index)
  local state = account.state
  local rests = state.until_ > now
  local owners = {}
  for _, call in ipairs(redis.call('HVALS', account.calls)) do
    owners[#owners + 1] = string.match(call, '%d+ %d+ (.*)')
  end
  answer[index] = {
    rests and state.health or 'healthy',
    rests and state.until_ < NEVER and exact(state.until_ - now) or '',
    rests and state.reason or '',
    state.flying, owners,
    used(state), state.minute.tokens + state.flying_tokens, state.day.requests + state.flying,
    state.told_rpm or '', state.told_tpm or '', state.told_rpd or '',
    state.found and exact(state.found) or '', crowd_room(state.crowd), state.finds_crowd and 1 or 0,
  }
  if account.changed then save(account) end
end
return answer
