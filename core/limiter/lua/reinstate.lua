-- ARGV: time.

local account = load(1)
reinstate(account.state)
save(account)
