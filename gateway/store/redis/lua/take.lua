-- Set the owner of a generation in place of a former one; only one of several callers does.
-- KEYS: head. ARGV: former owner, its fence, new owner.
-- Returns nil, or owner, fence, last, ended, version as they are then.
local head = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'last', 'ended', 'version')
if not head[1] then
  return false
end
if head[1] == ARGV[1] and head[2] == ARGV[2] then
  head[1] = ARGV[3]
  head[2] = tostring(redis.call('HINCRBY', KEYS[1], 'fence', 1))
  redis.call('HSET', KEYS[1], 'owner', head[1])
end
return head
