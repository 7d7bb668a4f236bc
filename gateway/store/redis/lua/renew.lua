-- Renew the lease of a gateway, on the clock of this server.
-- KEYS: leases, information. ARGV: gateway, how long (ms), its information.
-- Returns whether the lease had not run out, the time (ms), the gateways whose lease has run out, and all information.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
local was_alive = lease and tonumber(lease) > now
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return {
  was_alive and 1 or 0,
  now,
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now),
  redis.call('HGETALL', KEYS[2]),
}
