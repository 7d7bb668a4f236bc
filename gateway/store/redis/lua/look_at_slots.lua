-- Read what has changed for the gateway. After slots.lua.
-- ARGV from 5: how long all is kept (ms), whether positions are asked for, ids that were seen.
-- Returns the changed ids with their states; what waits of the gateway (id, principal, place among the principal's), or,
-- if that is much, everything that waits; the principals with their turns; those with how much of theirs waits; how much
-- the gateway has; how much waits of all; the mean time of a slot (ms); and the gateways to wake.
for index = 7, #ARGV do
  redis.call('ZREM', CHANGED, as_id(ARGV[index]))
end
fill()
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[5])
end
local changed, waiting, all, turns, counts = {}, {}, {}, {}, {}
for _, id in ipairs(ids_of(CHANGED, replica)) do
  changed[#changed + 1] = id
  changed[#changed + 1] = claim_of(id) or 'e'
end
local low, high = '[' .. replica .. ' ', '(' .. replica .. '!'
local own = redis.call('ZLEXCOUNT', QUEUED, low, high)
if ARGV[6] == '1' and own > 0 then
  if own > 50 then
    -- Two calls for each would take longer than reading all at once.
    all = redis.call('ZRANGE', WAITING, 0, -1)
  else
    for _, id in ipairs(ids_of(QUEUED, replica)) do
      local _, principal, number = claim_of(id)
      waiting[#waiting + 1] = id
      waiting[#waiting + 1] = principal
      waiting[#waiting + 1] = redis.call('ZLEXCOUNT', WAITING, '[' .. principal, '[' .. principal .. number .. id)
    end
    counts = redis.call('ZRANGE', WAITING_OF, 0, -1, 'WITHSCORES')
  end
  turns = redis.call('ZRANGE', TURNS, 0, -1, 'WITHSCORES')
  for _, item in ipairs(redis.call('ZRANGE', BLOCKED, 0, -1, 'WITHSCORES')) do
    turns[#turns + 1] = item
  end
end
return {
  changed, waiting, all, turns, counts, own + redis.call('ZLEXCOUNT', RUNNING, low, high),
  redis.call('ZCARD', WAITING), redis.call('HGET', DATA, 'mean'), wakes,
}
