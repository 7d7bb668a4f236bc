-- Replace a value if it is the expected one.
-- KEYS: value. ARGV: whether there is expected to be one ("1", "0"), the expected one, the new one, keep (ms).
-- Returns 1, or 0 if it was another one.
local current = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
  if current ~= ARGV[2] then
    return 0
  end
elseif current then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
