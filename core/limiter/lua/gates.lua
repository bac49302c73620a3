-- core/rules/words.py and gates.py once more: what the provider says remains, and how much may go at
-- once for it.

local EVIDENCE, SLACK, WHOLE, TRANSIT = 5, 0.5, 0.9, 0.25

local function new_word()
  return {sure = 0, good_until = -FULL, resets_at = FULL, lowest = FULL}
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

local function word_end(word, remaining, sent, flying)
  word.sent = math.max(word.sent or -FULL, sent)
  local shifted = word.shifted or -FULL
  if now >= shifted + TRANSIT then
    local quiet = now >= shifted + 2 * TRANSIT
    word.earlier, word.since = quiet and FULL or word.just, quiet and now - TRANSIT or shifted
    word.just, word.shifted = FULL, now
  end
  local named = remaining or -FULL
  word.just, word.lowest = math.min(word.just, named), math.min(word.lowest, named)
  local lately = word.sent >= word.since and math.min(word.just, word.earlier) or -FULL
  word.sure = math.max(word.sure, math.max(word.lowest, lately) - flying)
end

local function new_gate()
  local gate = new_word()
  gate.level, gate.at, gate.most = FULL, 0, 0
  gate.told, gate.trust, gate.hold, gate.newest, gate.agreed = -FULL, -FULL, -FULL, 0, 0
  gate.left, gate.whole, gate.widest = 0, false, 0
  gate.turned, gate.lately, gate.before = -FULL, 0, 0
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
  if gate.whole and fresh(gate) then
    local left = gate.sure
    if gate.agreed < EVIDENCE then left = math.max(left, gate.left) end
    if left >= amount then return now end
  end
  local ceiling, need = bounds(gate, amount, rate, burst)
  local short = need - level_of(gate, rate, ceiling)
  local opens = now
  if short > EPSILON then opens = now + short / rate end
  return math.max(opens, gate.hold)
end

local function turn(gate, at)
  if at >= gate.turned + TRANSIT and at >= gate.at then
    gate.before = at < gate.turned + 2 * TRANSIT and gate.lately or 0
    gate.turned, gate.lately = at, 0
  end
end

local function gate_take(gate, moment, amount, rate, burst)
  local ceiling = bounds(gate, amount, rate, burst)
  local level = level_of(gate, rate, ceiling) + rate * (moment - now)
  gate.level, gate.at = math.min(level, ceiling) - amount, moment
  gate.sure = gate.sure - amount
  gate.left = gate.left - amount
  turn(gate, now)
  gate.lately = gate.lately + amount
end

local function compare(gate, seen)
  if not (seen.limit and seen.reset) then return end
  local missing = seen.limit - seen.remaining
  local takes = missing * MINUTE / seen.limit
  if math.abs(seen.reset - takes) > 0.01 + 0.02 * takes + MINUTE / seen.limit then
    gate.agreed = 0
  elseif (0 < missing and missing <= seen.limit / 2) or gate.agreed >= EVIDENCE then
    gate.agreed = gate.agreed + 1
  end
end

local function hold_for(gate, remaining, reset, sizes, rate)
  for _, full in ipairs(sizes) do
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
    turn(gate, now)
    gate.told = now
    gate.left = call.age <= TRANSIT and seen.remaining - gate.lately - gate.before or 0
    gate.widest = math.max(gate.widest, seen.remaining)
    gate.whole = limit ~= nil and gate.widest >= WHOLE * limit and seen.limit == limit
    local unsent = rate * math.max(0, gate.at - now)
    level = math.max(math.min(level, gate.most), seen.remaining - call.after - call.ahead - unsent)
  end
  local refilled = rate * call.age
  if gate.agreed >= EVIDENCE and fresh(gate) then refilled = 0 end
  gate.level = math.min(level, seen.remaining - call.after + refilled)
  gate.at = now
  gate.hold = -FULL
  if seen.remaining < call.amount and seen.reset then
    local sizes = {math.max(burst, limit or gate.most), math.max(gate.most, 1), gate.most + call.amount}
    hold_for(gate, seen.remaining, seen.reset, sizes, rate)
  end
end

local function distrust(gate)
  gate.told, gate.trust, gate.good_until, gate.agreed = -FULL, now + FRESH, -FULL, 0
  gate.widest = 0
end
