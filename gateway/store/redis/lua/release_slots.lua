-- Release claims. After slots.lua. ARGV from 5: generations. Returns the gateways to wake.
for index = 5, #ARGV do
  release(as_id(ARGV[index]))
end
fill()
return wakes
