-- ARGV: time, health, the wait that was named or '', reason.

local account = load(1)
penalize(account.state, ARGV[2], tonumber(ARGV[3]), ARGV[4])
save(account)
