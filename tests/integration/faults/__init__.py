"""Fault injection between client, gateway and provider: `python -m tests.integration.faults`."""
