"""Dialects: the APIs of providers, spoken to clients. Pure: a request in, the log of a generation out.

Each is a folder with a `Dialect` (see `base.py`), found by the entry-point group `dualstream.dialects`.
"""
