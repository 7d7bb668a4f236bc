-- Decide on a start. After buckets.lua.
-- KEYS: buckets, and an idempotency key or the generations of equal requests (left out: the start has neither).
-- ARGV: requests a minute, burst, tokens a minute, burst, generation, keep (ms), fingerprint, former generation, gateway
-- ('': the second key is an idempotency key), whether no equal request is the same one.
-- Returns the outcome; the generation of the key, its age (ms), and the levels of both buckets; or the equal ones.
if KEYS[2] and ARGV[9] ~= '' then
  if ARGV[10] == '0' then
    local equal = redis.call('HGETALL', KEYS[2])
    for index = 2, #equal, 2 do
      if equal[index] ~= ARGV[9] then
        return {'equal', equal}
      end
    end
  end
elseif KEYS[2] then
  local known = redis.call('HMGET', KEYS[2], 'fingerprint', 'generation', 'claimed')
  if known[1] and known[1] ~= ARGV[7] then
    return {'conflict'}
  end
  if known[1] and known[2] ~= ARGV[8] then
    return {'known', known[2], math.max(0, now - known[3])}
  end
end
local requests, tokens = level_of('requests', ARGV[1], ARGV[2]), level_of('tokens', ARGV[3], ARGV[4])
-- Rounding must not delay a start.
local needed = 1 - 1e-5
if (requests and requests < needed) or (tokens and tokens < needed) then
  return {'limited', '', 0, as_text(requests), as_text(tokens)}
end
requests = spend('requests', ARGV[1], ARGV[2], 1)
if KEYS[2] and ARGV[9] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[5], ARGV[9])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
elseif KEYS[2] then
  redis.call('HSET', KEYS[2], 'fingerprint', ARGV[7], 'generation', ARGV[5], 'claimed', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return {'admitted', '', 0, as_text(requests), as_text(tokens)}
