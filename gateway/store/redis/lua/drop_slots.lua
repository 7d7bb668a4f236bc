-- Release all claims of the gateway. After slots.lua. Returns the gateways to wake.
drop(replica)
fill()
return wakes
