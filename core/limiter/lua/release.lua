-- ARGV: time, id.

local account = load(1)
local state = account.state
local requests, tokens = pop(account, ARGV[2])
if requests then
  state.requests.level = state.requests.level + requests
  state.tokens.level = state.tokens.level + tokens
end
save(account)
