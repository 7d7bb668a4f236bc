"""The port of messages between gateways. Content is never in them: a message says where to read it."""

from collections.abc import Sequence
from typing import Protocol


class Messages(Protocol):
    """An inbox for each gateway, in order. A message may be lost together with the store's data, and is never repeated.

    Every method may raise `StoreError`.
    """

    async def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Append messages to the inboxes of gateways; each pair is a gateway and a message."""
        ...

    async def receive(self, replica: str) -> Sequence[bytes]:
        """Return the next messages of an inbox, at least one; wait until there is one. One caller at a time."""
        ...

    async def forget(self, replica: str) -> None:
        """Delete the inbox of a gateway that has left."""
        ...
