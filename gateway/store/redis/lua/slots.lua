-- Concurrency slots and their queue, on the clock of this server.
-- Sorted sets, of which those with ids are sorted by text (ZRANGEBYLEX), since all scores in them are 0:
local DATA = KEYS[1]       -- hash: claims by id, numbers by principal, and what is of all
local RUNNING = KEYS[2]    -- ids that have slots
local QUEUED = KEYS[3]     -- ids that wait
local WAITING = KEYS[4]    -- principal, number and id of what waits: in order for each principal
local TURNS = KEYS[5]      -- principals that wait and may run, by turn
local BLOCKED = KEYS[6]    -- principals that wait for a slot of their own, by turn
local WAITING_OF = KEYS[7] -- principals by how much of theirs waits
local LEASES = KEYS[8]     -- gateways by when their leases run out
local CHANGED = KEYS[9]    -- ids that were granted or evicted, until their gateways have seen it
-- An id is the name of a gateway, a space and a generation. A principal is a digest of 24 characters. A claim is its
-- state, its principal, and its number in the queue or the time when it was granted.
-- ARGV: maximum of slots, maximum of the queue, the gateway, how long its lease lasts (ms; 0: it is not renewed), ...
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local max_concurrent, max_queue, replica = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local woken, wakes = {}, {}

local function number_of(field)
  return tonumber(redis.call('HGET', DATA, field) or 0)
end

local function add_to(field, amount)
  if redis.call('HINCRBY', DATA, field, amount) == 0 then
    redis.call('HDEL', DATA, field)
  end
end

local function as_id(generation)
  return replica .. ' ' .. generation
end

local function ids_of(key, name)
  -- '!' follows the space.
  return redis.call('ZRANGEBYLEX', key, '[' .. name .. ' ', '(' .. name .. '!')
end

local function change(id)
  redis.call('ZADD', CHANGED, 0, id)
  local name = string.match(id, '^[^ ]*')
  if not woken[name] then
    woken[name] = true
    wakes[#wakes + 1] = name
  end
end

local settles = number_of('settles')

local function has_free_slot()
  return now >= settles and (max_concurrent == 0 or redis.call('ZCARD', RUNNING) < max_concurrent)
end

local function is_below_limit(principal, limit)
  return limit == 0 or number_of('running:' .. principal) < limit
end

-- Let a principal that waits take its turn, or not while it has as many slots as it may have.
local function place(principal, turn)
  turn = turn or redis.call('ZSCORE', TURNS, principal) or redis.call('ZSCORE', BLOCKED, principal)
    or redis.call('HINCRBY', DATA, 'turn', 1)
  local may_run = is_below_limit(principal, number_of('limit:' .. principal))
  redis.call('ZREM', may_run and BLOCKED or TURNS, principal)
  redis.call('ZADD', may_run and TURNS or BLOCKED, turn, principal)
end

local function enqueue(id, principal, limit)
  local number = string.format('%016d', redis.call('HINCRBY', DATA, 'number', 1))
  redis.call('HSET', DATA, 'claim:' .. id, 'w' .. principal .. number, 'limit:' .. principal, limit)
  redis.call('ZADD', QUEUED, 0, id)
  redis.call('ZADD', WAITING, 0, principal .. number .. id)
  add_to('round:' .. redis.call('ZINCRBY', WAITING_OF, 1, principal), 1)
  place(principal)
end

local function dequeue(id, principal, number)
  redis.call('ZREM', QUEUED, id)
  redis.call('ZREM', WAITING, principal .. number .. id)
  local left = tonumber(redis.call('ZINCRBY', WAITING_OF, -1, principal))
  add_to('round:' .. (left + 1), -1)
  if left == 0 then
    redis.call('ZREM', WAITING_OF, principal)
    redis.call('ZREM', TURNS, principal)
    redis.call('ZREM', BLOCKED, principal)
    redis.call('HDEL', DATA, 'limit:' .. principal)
  end
  return left
end

local function grant(id, principal)
  redis.call('HSET', DATA, 'claim:' .. id, 'r' .. principal .. string.format('%.0f', now))
  redis.call('HINCRBY', DATA, 'running:' .. principal, 1)
  redis.call('ZADD', RUNNING, 0, id)
end

-- Return the state, the principal, and the number or time of a claim; nil without one.
local function claim_of(id)
  local claim = redis.call('HGET', DATA, 'claim:' .. id)
  if claim then
    return string.sub(claim, 1, 1), string.sub(claim, 2, 25), string.sub(claim, 26)
  end
end

-- Release a claim in any state. The first write deletes, so that it is allowed when there is no memory left.
local function release(id)
  local state, principal, rest = claim_of(id)
  redis.call('ZREM', CHANGED, id)
  if not state then
    -- Without its claim, which was evicted, it would keep its slot.
    redis.call('ZREM', RUNNING, id)
    redis.call('ZREM', QUEUED, id)
    return
  end
  redis.call('HDEL', DATA, 'claim:' .. id)
  if state == 'w' then
    dequeue(id, principal, rest)
    return
  end
  redis.call('ZREM', RUNNING, id)
  add_to('running:' .. principal, -1)
  local held, mean = now - rest, redis.call('HGET', DATA, 'mean')
  redis.call('HSET', DATA, 'mean', string.format('%.3f', mean and mean + (held - mean) * 0.2 or held))
  if redis.call('ZSCORE', WAITING_OF, principal) then
    place(principal)
  end
end

local function first_of(principal, reverse)
  local low, high = '[' .. principal, '(' .. principal .. ':'
  if reverse then
    return redis.call('ZREVRANGEBYLEX', WAITING, high, low, 'LIMIT', 0, 1)[1]
  end
  return redis.call('ZRANGEBYLEX', WAITING, low, high, 'LIMIT', 0, 1)[1]
end

-- Grant free slots to those who wait.
local function fill()
  while has_free_slot() do
    local principal = redis.call('ZRANGE', TURNS, 0, 0)[1]
    if not principal then
      return
    end
    local first = first_of(principal)
    local id = string.sub(first, 41)
    local left = dequeue(id, principal, string.sub(first, 25, 40))
    grant(id, principal)
    if left > 0 then
      -- The principal's next turn is after all others'.
      place(principal, redis.call('HINCRBY', DATA, 'turn', 1))
    end
    change(id)
  end
end

local function drop(name)
  redis.call('ZREM', LEASES, name)
  for _, key in ipairs({CHANGED, RUNNING, QUEUED}) do
    for _, id in ipairs(ids_of(key, name)) do
      release(id)
    end
  end
end

if tonumber(ARGV[4]) > 0 then
  redis.call('ZADD', LEASES, now + ARGV[4], replica)
end
local late = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)
for _, name in ipairs(late) do
  drop(name)
end
if late[1] then
  fill()
end
