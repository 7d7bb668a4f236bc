-- Add what a gateway has decided alone. After buckets.lua.
-- KEYS: buckets, idempotency keys.
-- ARGV: requests a minute, burst, tokens a minute, burst, level of each bucket ('': unknown), keep (ms); then for each
-- key its fingerprint and generation.
local function lower(unit, per_minute, burst, level)
  local shared = level_of(unit, per_minute, burst)
  if shared and level ~= '' then
    spend(unit, per_minute, burst, math.max(0, shared - level))
  end
end
lower('requests', ARGV[1], ARGV[2], ARGV[5])
lower('tokens', ARGV[3], ARGV[4], ARGV[6])
for index = 2, #KEYS do
  if redis.call('EXISTS', KEYS[index]) == 0 then
    redis.call('HSET', KEYS[index], 'fingerprint', ARGV[2 * index + 4], 'generation', ARGV[2 * index + 5],
      'claimed', string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[index], ARGV[7])
  end
end
return 1
