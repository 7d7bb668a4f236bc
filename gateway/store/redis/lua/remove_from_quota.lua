-- Count names of an owner no longer.
-- KEYS: names by the time they were added, sizes by name; the field '' is their sum. ARGV: names.
for _, name in ipairs(ARGV) do
  if redis.call('ZREM', KEYS[1], name) == 1 then
    local size = tonumber(redis.call('HGET', KEYS[2], name) or 0)
    redis.call('HDEL', KEYS[2], name)
    redis.call('HINCRBY', KEYS[2], '', string.format('%.0f', -size))
  end
end
return 1
