-- Set how many streams a gateway has open. KEYS: counts by gateway. ARGV: gateway, number, how long it is kept (ms).
-- Returns the counts of all gateways.
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HGETALL', KEYS[1])
