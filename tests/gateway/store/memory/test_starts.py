"""The rate buckets and idempotency keys of the store in memory."""

from tests.gateway.store.contract.starts import StartContract


class TestStarts(StartContract):
    """They do what the port says."""
