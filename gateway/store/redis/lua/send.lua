-- Append messages to an inbox. KEYS: inbox. ARGV: maximum length, how long it is kept unread (ms), messages.
for index = 3, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'm', ARGV[index])
end
if redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return #ARGV - 2
