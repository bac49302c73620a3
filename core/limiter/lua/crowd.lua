-- core/rules/crowds.py once more: how many calls under way a server takes best.

local START, MOST, HEADROOM, CUT, STRAIN = 8, 256, 1.15, 0.75, 0.1
local RAISE, LOWER, INSTANT = 0.4, 0.1, 1e-6
local LEAST_CALLS, PATIENCE, BRIEF, SHORT, LONG = 16, 8, 2, 4, 16

local function begin_round(crowd, granted)
  crowd.mark, crowd.settled, crowd.failed, crowd.seconds, crowd.full = granted, 0, 0, 0, false
end

local function new_crowd(granted)
  local crowd = {
    level = START, climbing = true, base_level = START, rounds = SHORT,
    tries = 0, rises = 0, below = false, cut_at = -1,
  }
  begin_round(crowd, granted)
  return crowd
end

local function crowd_room(crowd)
  return crowd.below and crowd.base_level or crowd.level
end

local function crowd_grant(crowd, flying)
  if flying >= crowd_room(crowd) then crowd.full = true end
end

local function crowd_cut(crowd, number, granted)
  if number <= crowd.cut_at then return end
  crowd.below_cut, crowd.tries, crowd.rises = math.max(1, crowd.level - 1), 0, 0
  crowd.level = math.max(1, math.floor(CUT * crowd.level))
  crowd.climbing, crowd.below, crowd.rounds = false, false, SHORT
  crowd.base_level = crowd.level
  crowd.cut_at = granted
  begin_round(crowd, granted)
end

local function look_below(crowd)
  crowd.climbing = false
  if crowd.level > 1 then
    crowd.base_level, crowd.below = math.floor(crowd.level * 3 / 4), true
  else
    crowd.base = nil
  end
end

local function gained(crowd, mean)
  if not crowd.base or crowd.level <= crowd.base_level then return 1 end
  local growth = crowd.level / crowd.base_level
  return (growth * crowd.base / mean - 1) / (growth - 1)
end

local function climb(crowd, mean)
  if crowd.base and gained(crowd, mean) < RAISE then
    if not crowd.doubted then
      crowd.doubted = mean
      return
    end
    mean = (mean + crowd.doubted) / 2
  end
  crowd.doubted = nil
  if crowd.base and gained(crowd, mean) < RAISE then
    local works_on = crowd.level * crowd.base / mean
    crowd.level = math.max(2, math.min(crowd.level, math.floor(HEADROOM * works_on) + 1))
    look_below(crowd)
    return
  end
  crowd.base, crowd.base_level = mean, crowd.level
  if crowd.level >= MOST then look_below(crowd) end
  crowd.level = math.min(MOST, 2 * crowd.level)
end

local function rise_crowd(crowd)
  local step = math.min(crowd.level, math.max(1, math.floor(crowd.level / 8)) * 2 ^ crowd.rises)
  crowd.rises = math.min(3, crowd.rises + 1)
  local level = math.min(MOST, crowd.level + step)
  if crowd.below_cut and level > crowd.below_cut then
    crowd.tries = crowd.tries + 1
    if crowd.tries <= PATIENCE then
      crowd.level, crowd.rounds = math.max(crowd.level, crowd.below_cut), LONG
      return
    end
    crowd.below_cut = nil
  end
  crowd.rounds = level > crowd.level and BRIEF or LONG
  crowd.level = level
end

local function step_crowd(crowd, mean)
  local share = crowd.base and gained(crowd, mean) or RAISE
  if share >= RAISE then
    rise_crowd(crowd)
  elseif share <= LOWER and crowd.level > 2 then
    crowd.level = crowd.level - math.max(1, math.floor(crowd.level / 8))
    crowd.rounds, crowd.rises = SHORT, 0
  else
    crowd.rounds, crowd.rises = math.min(LONG, 2 * crowd.rounds), 0
  end
  look_below(crowd)
end

local function end_round(crowd, granted)
  local mean, full = math.max(INSTANT, crowd.seconds / crowd.settled), crowd.full
  begin_round(crowd, granted)
  if crowd.below then
    crowd.base, crowd.below = full and mean or nil, false
  elseif full and crowd.climbing then
    climb(crowd, mean)
  elseif full then
    step_crowd(crowd, mean)
  end
end

local function round_needs(crowd)
  if crowd.climbing then return math.max(LEAST_CALLS, crowd.level) end
  local calls = math.max(LEAST_CALLS, 2 * crowd_room(crowd))
  return crowd.below and calls or calls * crowd.rounds
end

local function crowd_settle(crowd, number, granted, seconds, failed)
  if number <= crowd.mark then return end
  if failed then
    crowd.failed = crowd.failed + 1
    if crowd.failed > math.max(1, STRAIN * math.max(crowd.settled, crowd_room(crowd))) then
      crowd_cut(crowd, number, granted)
    end
    return
  end
  crowd.settled = crowd.settled + 1
  crowd.seconds = crowd.seconds + seconds
  if crowd.settled >= round_needs(crowd) then end_round(crowd, granted) end
end
