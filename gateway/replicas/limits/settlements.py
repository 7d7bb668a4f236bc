"""Send the store what follows from starts: in batches, one after the other, each of which counts once."""

import asyncio
from typing import Final

from gateway.security.principals import Principal
from gateway.store.starts import Settlement, SettlementBatch, StartStore

MAX_BATCH: Final = 500
"""Maximum number of settlements that are sent at once."""


class Settlements:
    """What is to be sent. A batch whose reply was lost is sent again under its number, so that the store knows it."""

    def __init__(self, store: StartStore, replica: str) -> None:
        self._store = store
        self._replica = replica
        self._waiting: list[tuple[Settlement, Principal]] = []
        self._unconfirmed: list[tuple[Settlement, Principal]] = []
        """The batch that is being sent, or of which it is not known whether the store has it."""
        self._number = 0
        self._sending = asyncio.Lock()

    def add(self, settlement: Settlement, principal: Principal) -> None:
        """Add a settlement, to be sent with the next batch."""
        self._waiting.append((settlement, principal))

    async def send(self) -> None:
        """Send all.

        Raises:
            StoreError: the rest is sent at the next call.
        """
        async with self._sending:
            while self._unconfirmed or self._waiting:
                if not self._unconfirmed:
                    self._number += 1
                    self._unconfirmed, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                settlements = [settlement for settlement, _ in self._unconfirmed]
                await self._store.settle(SettlementBatch(self._replica, self._number, settlements))
                self._unconfirmed = []

    async def take(self) -> list[tuple[Settlement, Principal]]:
        """Remove and return all that the store has not confirmed."""
        async with self._sending:
            taken = self._unconfirmed + self._waiting
            self._unconfirmed, self._waiting = [], []
            return taken
