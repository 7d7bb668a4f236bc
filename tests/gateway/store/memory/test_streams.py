"""The counts of streams of the store in memory."""

from tests.gateway.store.contract.streams import StreamContract


class TestStreams(StreamContract):
    """They do what the port says."""
