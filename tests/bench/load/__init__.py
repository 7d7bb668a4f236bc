"""The load generator: our own clients, as a process (`python -m tests.bench.load`)."""
