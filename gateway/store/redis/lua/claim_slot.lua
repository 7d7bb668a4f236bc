-- Claim a slot. After slots.lua. ARGV from 5: generation, principal, its limit, whether it may wait.
-- Returns the state ('r', 'w' or ''), the position, the number that waits, the mean time of a slot (ms), and gateways.
local id, principal, limit = as_id(ARGV[5]), ARGV[6], tonumber(ARGV[7])

-- Return the position of a principal's newest claim, at most: of those in its turn it counts as the last.
local function last_position()
  local turn, position = tonumber(redis.call('ZSCORE', WAITING_OF, principal)), 0
  if turn < redis.call('ZCARD', WAITING_OF) then
    for number = 1, turn do
      position = position + number_of('round:' .. number)
    end
    return position
  end
  local counts = redis.call('ZRANGE', WAITING_OF, 0, -1, 'WITHSCORES')
  for index = 2, #counts, 2 do
    position = position + math.min(turn, tonumber(counts[index]))
  end
  return position
end

-- Evict the newest claim of the principal with the most waiting, if this one would still have fewer.
local function evict()
  local longest = redis.call('ZREVRANGE', WAITING_OF, 0, 0, 'WITHSCORES')
  if tonumber(longest[2]) <= tonumber(redis.call('ZSCORE', WAITING_OF, principal) or 0) + 1 then
    return false
  end
  local newest = first_of(longest[1], true)
  local evicted = string.sub(newest, 41)
  redis.call('HDEL', DATA, 'claim:' .. evicted)
  dequeue(evicted, longest[1], string.sub(newest, 25, 40))
  change(evicted)
  return true
end

local function decide()
  local state = claim_of(id)
  if state then
    return state, state == 'w' and last_position() or 0
  end
  if not redis.call('ZSCORE', WAITING_OF, principal) and has_free_slot() and is_below_limit(principal, limit) then
    grant(id, principal)
    return 'r', 0
  end
  if ARGV[8] == '0' or (max_queue > 0 and redis.call('ZCARD', WAITING) >= max_queue and not evict()) then
    return '', 0
  end
  enqueue(id, principal, limit)
  return 'w', last_position()
end

local state, position = decide()
return {state, position, redis.call('ZCARD', WAITING), redis.call('HGET', DATA, 'mean'), wakes}
