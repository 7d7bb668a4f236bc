-- Delete a generation. KEYS: head, log, prompt. Returns its owner, or nil.
local owner = redis.call('HGET', KEYS[1], 'owner')
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
return owner
