-- Count names of an owner, and drop the oldest ones if there is no room for them.
-- KEYS: names by the time they were added (µs), sizes by name; the field '' is their sum.
-- ARGV: limit, keep (ms), then names, each with its size. Returns the names that were dropped.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function forget(name)
  local size = tonumber(redis.call('HGET', KEYS[2], name) or 0)
  redis.call('HDEL', KEYS[2], name)
  return redis.call('HINCRBY', KEYS[2], '', string.format('%.0f', -size))
end
local total = 0
for at = 3, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + at), ARGV[at])
  local before = tonumber(redis.call('HGET', KEYS[2], ARGV[at]) or 0)
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  total = redis.call('HINCRBY', KEYS[2], '', string.format('%.0f', ARGV[at + 1] - before))
end
local oldest = string.format('(%.0f', now - ARGV[2] * 1000)
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', oldest, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[1], name)
  total = forget(name)
end
local dropped = {}
while total > tonumber(ARGV[1]) do
  local name = redis.call('ZPOPMIN', KEYS[1])[1]
  if not name then
    -- The names were evicted without their sizes.
    redis.call('DEL', KEYS[2])
    break
  end
  dropped[#dropped + 1] = name
  total = forget(name)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return dropped
