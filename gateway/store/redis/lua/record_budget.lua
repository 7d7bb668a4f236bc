-- Set what a gateway has spent for a principal on a day.
-- KEYS: sums by gateway, as integers; the field '' is their total. ARGV: gateway, its sum, keep (ms).
-- Returns the total.
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local total = redis.call('HINCRBY', KEYS[1], '', string.format('%.0f', ARGV[2] - before))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return total
