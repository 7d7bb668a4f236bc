"""The contract of logs in memory."""

from tests.gateway.store.contract.logs import LogContract


class TestMemoryLogs(LogContract):
    """Run it over the store of this process."""
