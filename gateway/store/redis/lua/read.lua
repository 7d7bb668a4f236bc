-- Read what follows a number, and the head as it is at the same moment.
-- KEYS: head, log. ARGV: number, version of the details that the caller has ("-1": it has neither details nor facts).
-- Returns nil, or owner, fence, last, ended, version, details (false: the same), facts (false: not asked for), batches.
local head = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'last', 'ended', 'version')
if not head[1] then
  return false
end
local rest = {false, false}
if ARGV[2] ~= head[5] then
  rest = redis.call('HMGET', KEYS[1], 'details', ARGV[2] == '-1' and 'facts' or 'none')
end
local batches = {}
if tonumber(head[3]) > tonumber(ARGV[1]) then
  for index, item in ipairs(redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', '+')) do
    batches[index] = item[2][2]
  end
  if not batches[1] then
    -- The log was evicted.
    return false
  end
end
return {head[1], head[2], head[3], head[4], head[5], rest[1], rest[2], batches}
