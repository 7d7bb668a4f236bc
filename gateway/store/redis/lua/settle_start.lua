-- Record what follows from a start. After buckets.lua.
-- KEYS: buckets, and an idempotency key or the generations of equal requests (left out: there is nothing to change).
-- ARGV: requests a minute, burst, tokens a minute, burst, requests to remove, tokens to remove, generation, keep (ms; -1:
-- the second key has the generations).
spend('requests', ARGV[1], ARGV[2], tonumber(ARGV[5]))
spend('tokens', ARGV[3], ARGV[4], tonumber(ARGV[6]))
if ARGV[8] == '-1' then
  redis.call('HDEL', KEYS[2], ARGV[7])
elseif KEYS[2] and redis.call('HGET', KEYS[2], 'generation') == ARGV[7] then
  -- 0 deletes it.
  redis.call('PEXPIRE', KEYS[2], ARGV[8])
end
return 1
