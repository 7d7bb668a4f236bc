"""What several gateways on one Redis cost: `python -m tests.bench.replicas`. It prints figures, without checks."""
