-- Read what has changed for the gateway. After slots.lua. ARGV from 5: how long all is kept (ms), ids that were seen.
-- Returns the changed ids with their states, what waits of the gateway (id, principal, place among the principal's),
-- the principals with their turns, those with how much of theirs waits, how much the gateway has, how much waits of
-- all, the mean time of a slot (ms), and the gateways to wake.
for index = 6, #ARGV do
  redis.call('ZREM', CHANGED, as_id(ARGV[index]))
end
fill()
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[5])
end
local changed, waiting = {}, {}
for _, id in ipairs(ids_of(CHANGED, replica)) do
  changed[#changed + 1] = id
  changed[#changed + 1] = claim_of(id) or 'e'
end
for _, id in ipairs(ids_of(QUEUED, replica)) do
  local _, principal, number = claim_of(id)
  waiting[#waiting + 1] = id
  waiting[#waiting + 1] = principal
  waiting[#waiting + 1] = redis.call('ZLEXCOUNT', WAITING, '[' .. principal, '[' .. principal .. number .. id)
end
local turns, counts = {}, {}
if waiting[1] then
  turns = redis.call('ZRANGE', TURNS, 0, -1, 'WITHSCORES')
  for _, item in ipairs(redis.call('ZRANGE', BLOCKED, 0, -1, 'WITHSCORES')) do
    turns[#turns + 1] = item
  end
  counts = redis.call('ZRANGE', WAITING_OF, 0, -1, 'WITHSCORES')
end
local runs = redis.call('ZLEXCOUNT', RUNNING, '[' .. replica .. ' ', '(' .. replica .. '!')
return {
  changed, waiting, turns, counts, runs + #waiting / 3,
  redis.call('ZCARD', WAITING), redis.call('HGET', DATA, 'mean'), wakes,
}
