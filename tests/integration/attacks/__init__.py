"""Attacks on gateways with default settings, and what each attacker got: `python -m tests.integration.attacks`."""
