"""Attacks on gateways as shipped, and what each attacker got: `python -m tests.integration.attacks`."""
