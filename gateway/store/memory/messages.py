"""Inboxes in memory."""

import asyncio
from collections.abc import Sequence


class MemoryMessages:
    """The inboxes of gateways by their ids."""

    def __init__(self) -> None:
        self._inboxes: dict[str, list[bytes]] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Append messages to the inboxes of gateways; each pair is a gateway and a message."""
        for replica, message in messages:
            self._inboxes.setdefault(replica, []).append(message)
            if replica in self._waiting:
                self._waiting[replica].set()

    async def receive(self, replica: str) -> Sequence[bytes]:
        """Return the next messages of an inbox, at least one; wait until there is one."""
        arrived = self._waiting[replica] = asyncio.Event()
        try:
            while not self._inboxes.get(replica):
                await arrived.wait()
                arrived.clear()
        finally:
            del self._waiting[replica]
        return self._inboxes.pop(replica)

    async def forget(self, replica: str) -> None:
        """Delete the inbox of a gateway that has left."""
        self._inboxes.pop(replica, None)
