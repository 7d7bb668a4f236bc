"""The port of a store that the gateways of one deployment share."""

from typing import Protocol

from gateway.store.budgets import BudgetTotals
from gateway.store.logs import LogStore
from gateway.store.members import Members
from gateway.store.messages import Messages
from gateway.store.quotas import Quotas
from gateway.store.slots import SlotStore
from gateway.store.starts import StartStore
from gateway.store.streams import StreamStore
from gateway.store.values import Values


class Store(Protocol):
    """A shared store. Each property is the port of one role."""

    @property
    def logs(self) -> LogStore:
        """Return the stored logs."""
        ...

    @property
    def members(self) -> Members:
        """Return who is alive."""
        ...

    @property
    def messages(self) -> Messages:
        """Return the inboxes of the gateways."""
        ...

    @property
    def values(self) -> Values:
        """Return the small values that all gateways read."""
        ...

    @property
    def quotas(self) -> Quotas:
        """Return how much each owner keeps."""
        ...

    @property
    def budgets(self) -> BudgetTotals:
        """Return what principals have spent."""
        ...

    @property
    def starts(self) -> StartStore:
        """Return the rate buckets and idempotency keys."""
        ...

    @property
    def slots(self) -> SlotStore:
        """Return the concurrency slots and their queue."""
        ...

    @property
    def streams(self) -> StreamStore:
        """Return the counts of open streams."""
        ...

    async def start(self) -> None:
        """Connect, and check that the store can be used.

        Raises:
            StoreError: it can't be reached.
            ConfigurationError: it can be reached, and not used: a version that is too old, a wrong password.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
