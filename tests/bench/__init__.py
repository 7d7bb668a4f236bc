"""The benchmark (`make bench`): what streaming costs, beside an Express server and nginx in the same minutes.

`scenarios` says what is asked for, `runner` does it in turns: a `provider` and a `load` of our own, each a process, and
one of the `targets` between them (`stage`). `judge` looks for what went wrong, `results` holds the figures, `report`
shows them, and `compare` sets their ratios beside those of an earlier run.
"""
