"""Metrics: counters that the gateway keeps, and their exposition for Prometheus."""
