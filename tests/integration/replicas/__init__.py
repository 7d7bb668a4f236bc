"""Several real gateways behind a real nginx, with one real Redis: `python -m tests.integration.replicas`."""
