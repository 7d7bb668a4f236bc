"""The contract of messages in memory."""

from tests.gateway.store.contract.messages import MessageContract


class TestMemoryMessages(MessageContract):
    """Run it over the store of this process."""
