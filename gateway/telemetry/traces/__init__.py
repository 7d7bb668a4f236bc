"""Traces of generations for OpenTelemetry: a span for each, and one for each call of a provider.

Its library is an optional extra. Only `provider` and `observer` import it, and only where traces are switched on.
"""
