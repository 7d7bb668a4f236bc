"""The roles of the store in memory, together."""

from gateway.clock import Clock
from gateway.store.memory.budgets import MemoryBudgetTotals
from gateway.store.memory.logs import MemoryLogs
from gateway.store.memory.members import MemoryMembers
from gateway.store.memory.messages import MemoryMessages
from gateway.store.memory.quotas import MemoryQuotas
from gateway.store.memory.slots import MemorySlots
from gateway.store.memory.starts import MemoryStarts
from gateway.store.memory.streams import MemoryStreams
from gateway.store.memory.values import MemoryValues


class MemoryStore:
    """A store that any number of gateways of this process share."""

    def __init__(self, clock: Clock) -> None:
        self.messages = MemoryMessages()
        self.logs = MemoryLogs(clock, self.messages)
        self.members = MemoryMembers(clock)
        self.values = MemoryValues(clock)
        self.quotas = MemoryQuotas(clock)
        self.budgets = MemoryBudgetTotals()
        self.starts = MemoryStarts(clock)
        self.slots = MemorySlots(clock)
        self.streams = MemoryStreams()

    async def start(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def close(self) -> None:
        """Do nothing, for the same reason."""
