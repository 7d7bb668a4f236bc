"""Measure the configured models as their users would: how soon they begin, how fast they go on, what they cost."""
