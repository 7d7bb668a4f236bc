"""Benchmarks for users: of the configured models, and of the transports of a gateway. What both share is here."""
