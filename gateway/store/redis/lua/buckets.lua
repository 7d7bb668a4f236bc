-- Token buckets of a principal, on the clock of this server. KEYS[1]: a hash with the level of each unit and its time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Return what a bucket holds; false without a limit, when its burst is ''.
local function level_of(unit, per_minute, burst)
  if burst == '' then
    return false
  end
  local known = redis.call('HMGET', KEYS[1], unit, unit .. '_at')
  if not known[1] then
    return tonumber(burst)
  end
  -- Another server whose clock is behind may have taken over.
  local elapsed = math.max(0, now - known[2])
  return math.min(tonumber(burst), known[1] + elapsed * per_minute / 60000)
end

-- Remove tokens from a bucket; a negative amount puts tokens back. Return what it holds then.
local function spend(unit, per_minute, burst, amount)
  local level = level_of(unit, per_minute, burst)
  if not level or amount == 0 then
    return level
  end
  level = math.min(tonumber(burst), level - amount)
  redis.call('HSET', KEYS[1], unit, string.format('%.6f', level), unit .. '_at', string.format('%.0f', now))
  -- A bucket that is full again holds no information.
  local keep = math.ceil((burst - level) * 60000 / per_minute) + 1000
  if redis.call('PTTL', KEYS[1]) < keep then
    redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))
  end
  return level
end

local function as_text(level)
  return level and string.format('%.6f', level)
end
