-- Record what follows from starts of a principal. After buckets.lua.
-- KEYS: buckets, the last batch of the gateway; then for each start with one its idempotency key, or the generations of
-- equal requests.
-- ARGV: requests a minute, burst, tokens a minute, burst, requests to remove, tokens to remove, number of the batch, how
-- long it is known (ms); then for each of those keys the generation, and its keep (ms; -1: the key has generations).
local requests, tokens = tonumber(ARGV[5]), tonumber(ARGV[6])
-- A batch whose reply was lost is sent again.
if (requests ~= 0 or tokens ~= 0) and tonumber(ARGV[7]) > tonumber(redis.call('GET', KEYS[2]) or 0) then
  spend('requests', ARGV[1], ARGV[2], requests)
  spend('tokens', ARGV[3], ARGV[4], tokens)
  redis.call('SET', KEYS[2], ARGV[7], 'PX', ARGV[8])
end
for index = 3, #KEYS do
  local generation, keep = ARGV[2 * index + 3], ARGV[2 * index + 4]
  if keep == '-1' then
    redis.call('HDEL', KEYS[index], generation)
  elseif redis.call('HGET', KEYS[index], 'generation') == generation then
    -- 0 deletes it.
    redis.call('PEXPIRE', KEYS[index], keep)
  end
end
return 1
