-- Append a batch to a generation, if the caller still owns it.
-- KEYS: head, log, prompt.
-- ARGV: owner, fence, last, ended, keep (ms; "0": no longer than before), batch ("": none), details (left out: as before).
-- Returns 1; 0 if another gateway owns it, -1 if there is no such generation.
local head = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'last', 'prompt')
if not head[1] then
  return -1
end
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then
  return 0
end
-- Otherwise it is stored: the reply to the same call was lost.
if ARGV[6] ~= '' and tonumber(ARGV[3]) > tonumber(head[3]) then
  if not redis.call('XADD', KEYS[2], 'NOMKSTREAM', ARGV[3] .. '-0', 'b', ARGV[6]) then
    -- The log was evicted: the rest is of no use.
    redis.call('DEL', KEYS[1], KEYS[3])
    return -1
  end
  redis.call('HSET', KEYS[1], 'last', ARGV[3])
end
if ARGV[7] then
  redis.call('HSET', KEYS[1], 'details', ARGV[7])
  redis.call('HINCRBY', KEYS[1], 'version', 1)
end
if ARGV[5] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  if head[4] then
    redis.call('PEXPIRE', KEYS[3], ARGV[5])
  end
end
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'ended', '1')
  redis.call('DEL', KEYS[3])
end
return 1
