-- Add claims that are lost, or were granted by the gateway alone. After slots.lua.
-- ARGV from 5: how long nothing is granted (ms), number of the running ones; then for each claim its generation,
-- principal and limit. Returns the gateways to wake.
if tonumber(ARGV[5]) > 0 then
  settles = math.max(settles, now + ARGV[5])
  redis.call('HSET', DATA, 'settles', string.format('%.0f', settles))
end
for index = 7, #ARGV, 3 do
  local id, principal = as_id(ARGV[index]), ARGV[index + 1]
  local state, _, number = claim_of(id)
  local runs = index < 7 + 3 * ARGV[6]
  if state == 'r' then
    -- Only what is sorted by ids was evicted.
    redis.call('ZADD', RUNNING, 0, id)
    if not runs then
      change(id)
    end
  elseif runs then
    if state then
      dequeue(id, principal, number)
    end
    grant(id, principal)
    if redis.call('ZSCORE', WAITING_OF, principal) then
      place(principal)
    end
  elseif state then
    redis.call('ZADD', QUEUED, 0, id)
  else
    enqueue(id, principal, ARGV[index + 2])
  end
end
fill()
return wakes
