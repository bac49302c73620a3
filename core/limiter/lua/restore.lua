-- ARGV: time, then age, requests and tokens of each bucket of past calls, oldest first.

local account = load(1)
local state = account.state
if state.flying == 0 and state.day.requests == 0 then
  for index = 2, #ARGV, 3 do
    count(account, now - ARGV[index], tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2]))
  end
  prune(state.minute, account.minute, MINUTE_GRAIN)
  prune(state.day, account.day, DAY_GRAIN)
end
save(account)
