"""Gateways that share a store and behave as one: each generation runs on one of them, and all can serve it."""
