"""The roles of the store in memory, together."""

from gateway.clock import Clock
from gateway.store.memory.logs import MemoryLogs
from gateway.store.memory.members import MemoryMembers
from gateway.store.memory.messages import MemoryMessages


class MemoryStore:
    """A store that any number of gateways of this process share."""

    def __init__(self, clock: Clock) -> None:
        self.messages = MemoryMessages()
        self.logs = MemoryLogs(clock, self.messages)
        self.members = MemoryMembers(clock)

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def close(self) -> None:
        """Do nothing, for the same reason."""
