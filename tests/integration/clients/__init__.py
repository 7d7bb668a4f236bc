"""Real clients of the APIs of providers, driven through the gateway: `python -m tests.integration.clients`."""
