"""The load: clients of our own, as a process (`python -m tests.bench.load`)."""
