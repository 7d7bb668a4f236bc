"""Limits that all gateways share: rates, slots and their queue, streams, budgets, circuit breakers."""
