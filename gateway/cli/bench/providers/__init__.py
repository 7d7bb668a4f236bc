"""Measures the configured models from a user's view: time to first token, speed, cost and errors."""
