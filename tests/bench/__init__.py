"""The benchmark (`make bench`): the cost of streaming, compared with other servers in the same minutes.

`scenarios` lists the loads, `runner` runs them in turns: our own `provider` and `load` generator, each a process, and
one of the `targets` between them (`testbed`). `outcome` computes figures and finds faults, `results` stores them,
`report` shows them, and `compare` compares their ratios with those of an earlier run. `revisions` finds other revisions
of the gateway, which are measured in turns with this one.
"""
