-- Store a new generation with its first batch.
-- KEYS: head, log, prompt.
-- ARGV: owner, fence, last, ended, keep (ms), version, details, facts, batch, prompt ("": none).
-- Returns 1, or 0 if another gateway has stored it.
local known = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'last')
if known[1] then
  if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then
    return 0
  end
  -- The reply to the same call was lost, and it comes again, perhaps with more: it has everything from the first event.
  if tonumber(known[3]) >= tonumber(ARGV[3]) then
    return 1
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  -- A log without its head is what an eviction has left. After a write, Redis refuses no other one of the same script,
  -- also when there is no memory left: so nothing is deleted in vain.
  redis.call('DEL', KEYS[2])
end
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'b', ARGV[9])
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fence', ARGV[2], 'last', ARGV[3], 'ended', ARGV[4],
  'version', ARGV[6], 'details', ARGV[7], 'facts', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if ARGV[10] ~= '' then
  redis.call('HSET', KEYS[1], 'prompt', '1')
  redis.call('SET', KEYS[3], ARGV[10], 'PX', ARGV[5])
end
return 1
