"""What can go wrong between client, gateway and provider, made to go wrong: `python -m tests.integration.faults`."""
