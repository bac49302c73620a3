-- core/rules/gates.py once more: what the provider says remains, and how much may go at once for it.

local EVIDENCE, SLACK = 5, 0.5

local function new_word()
  return {sure = 0, good_until = -FULL, resets_at = FULL}
end

local function word_hear(word, seen, call, lasts)
  if seen.reset then word.resets_at = now + seen.reset + MARGIN end
  if seen.remaining then
    local proven = now <= word.good_until and word.sure or -FULL
    local left = seen.remaining - call.after - call.ahead
    word.sure = math.min(seen.remaining, math.max(proven, left))
    word.good_until = now + lasts
  end
end

local function new_gate()
  local gate = new_word()
  gate.level, gate.at, gate.most = FULL, 0, 0
  gate.told, gate.trust, gate.hold, gate.newest, gate.agreed = -FULL, -FULL, -FULL, 0, 0
  return gate
end

local function fresh(gate)
  return now <= gate.told + FRESH
end

-- Return from when on an amount may go though the log is full, or nil where nobody knows.
local function excuses(word, amount, alone)
  if word.agreed and word.agreed >= EVIDENCE and fresh(word) then return now end
  if word.sure >= amount and now <= word.good_until then return now end
  return alone and word.resets_at < FULL and math.max(now, word.resets_at) or nil
end

local function bounds(gate, amount, rate, burst)
  if not fresh(gate) then return burst, math.min(amount, burst) end
  local most = math.max(gate.most, amount)
  if gate.agreed < EVIDENCE then return most, amount end
  return most, math.min(most, amount + math.min(SLACK * rate, most / 2))
end

local function level_of(gate, rate, ceiling)
  return math.min(ceiling, gate.level + rate * (now - gate.at))
end

local function gate_opens(gate, amount, rate, burst)
  local ceiling, need = bounds(gate, amount, rate, burst)
  local short = need - level_of(gate, rate, ceiling)
  local opens = now
  if short > EPSILON then opens = now + short / rate end
  return math.max(opens, gate.hold)
end

local function gate_take(gate, moment, amount, rate, burst)
  local ceiling = bounds(gate, amount, rate, burst)
  local level = level_of(gate, rate, ceiling) + rate * (moment - now)
  gate.level, gate.at = math.min(level, ceiling) - amount, moment
  gate.sure = gate.sure - amount
end

local function compare(gate, seen)
  if not (seen.limit and seen.reset) then return end
  local missing = seen.limit - seen.remaining
  local takes = missing * MINUTE / seen.limit
  if math.abs(seen.reset - takes) > 0.01 + 0.02 * takes + 2 * MINUTE / seen.limit then
    gate.agreed = 0
  elseif (0 < missing and missing <= seen.limit / 2) or gate.agreed >= EVIDENCE then
    gate.agreed = gate.agreed + 1
  end
end

local function hold_for(gate, remaining, reset, limit, rate)
  for _, full in ipairs({limit, math.max(gate.most, 1)}) do
    local until_full = (full - remaining) / rate
    if 0.8 * until_full <= reset and reset <= 1.25 * until_full then return end
  end
  gate.hold = now + math.min(reset, MINUTE)
end

local function gate_learn(gate, seen, call, rate, burst, limit)
  if not seen.remaining then return end
  local level = level_of(gate, rate, FULL)
  if now >= gate.trust then
    word_hear(gate, seen, call, FRESH)
    compare(gate, seen)
    local ceiling = math.max(seen.remaining, burst)
    if limit then ceiling = math.min(ceiling, limit) end
    gate.most = fresh(gate) and math.max(gate.most, ceiling) or ceiling
    gate.told = now
    level = math.max(math.min(level, gate.most), seen.remaining - call.after - call.ahead)
  end
  local refilled = rate * call.age
  if gate.agreed >= EVIDENCE and fresh(gate) then refilled = 0 end
  gate.level = math.min(level, seen.remaining - call.after + refilled)
  gate.at = now
  gate.hold = -FULL
  if seen.remaining < call.amount and seen.reset then
    hold_for(gate, seen.remaining, seen.reset, math.max(burst, limit or gate.most), rate)
  end
end

local function distrust(gate)
  gate.told, gate.trust, gate.good_until, gate.agreed = -FULL, now + FRESH, -FULL, 0
end
