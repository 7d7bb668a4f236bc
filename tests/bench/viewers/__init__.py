"""One gateway process with 10,000 viewers (`make viewers`): memory, CPU, delays, and what a full process does.

`clients` is a process that holds all clients, and does what `orders` say. `own_generations` and `fan_out` are the two
scenarios, each on a `bed` of processes of its own; `rows` lists the figures, and `report` shows them. The page about it
is docs/operations/ten-thousand-viewers.md.
"""
