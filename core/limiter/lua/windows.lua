-- The windows of core/rules/limits.py once more, for Redis, and what all scripts begin with. A change
-- there is a change here; the tests hold the two against each other.
--
-- Every script is windows, gates, crowd and account, and a file of its own. ARGV[1] is the time, or '' for the server's. Each account
-- has five keys: its state (packed), the minute's and the day's buckets but the last, which is in
-- the state (lists of 'leaves requests tokens'), the reservations by the moment they expire (sorted
-- set), and what these are ('requests tokens owner', hash). A call costs the same at any limit.

local MINUTE, MINUTE_GRAIN = 60, 0.25
local DAY, DAY_GRAIN = 86400, 360
local MARGIN, EPSILON = 0.05, 1e-6
local FRESH, TOKEN_BURST = 60, 1
local FULL, NEVER = 1e15, 1e18

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function exact(number)
  return string.format('%.17g', number)
end

local function least(one, other)
  if one and other then return math.min(one, other) end
  return one or other
end

-- Windows ----------------------------------------------------------------------------------------

local function new_window()
  return {requests = 0, tokens = 0}
end

local function add(window, key, span, grain, at, requests, tokens)
  local leaves = math.ceil((at + span + MARGIN) / grain)
  if window.tail and window.tail >= leaves then
    window.tail_requests = window.tail_requests + requests
    window.tail_tokens = window.tail_tokens + tokens
  else
    if window.tail then
      local closed = string.format('%d %d %d', window.tail, window.tail_requests, window.tail_tokens)
      redis.call('RPUSH', key, closed)
      redis.call('EXPIRE', key, 2 * span)
      window.head = window.head or window.tail
    end
    window.tail, window.tail_requests, window.tail_tokens = leaves, requests, tokens
  end
  window.requests = window.requests + requests
  window.tokens = window.tokens + tokens
end

local function prune(window, key, grain)
  local changed = false
  while window.head and window.head * grain <= now do
    local bucket = redis.call('LPOP', key)
    if bucket then
      local _, r, t = string.match(bucket, '(%S+) (%S+) (%S+)')
      window.requests, window.tokens = window.requests - r, window.tokens - t
    else
      window.requests, window.tokens = window.tail_requests, window.tail_tokens
    end
    local first = bucket and redis.call('LINDEX', key, 0)
    window.head = first and tonumber(string.match(first, '%S+')) or nil
    changed = true
  end
  if window.tail and not window.head and window.tail * grain <= now then
    window.requests, window.tokens, window.tail = 0, 0, nil
    changed = true
  end
  return changed
end

-- Return when so much will have left, in slices: mostly the first few buckets tell.
local function leaves(window, key, grain, field, excess)
  local from, buckets = 0, nil
  repeat
    buckets = redis.call('LRANGE', key, from, from + 15)
    for _, bucket in ipairs(buckets) do
      local l, r, t = string.match(bucket, '(%S+) (%S+) (%S+)')
      excess = excess - (field == 'requests' and r or t)
      if excess <= 0 then return l * grain end
    end
    from = from + 16
  until #buckets < 16
  if window.tail and excess <= window['tail_' .. field] then return window.tail * grain end
  return nil
end
