"""Messages about metrics between a supervisor and a worker: a kind, a length, and data, over a pair of sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import Enum
from typing import Final

MAX_BYTES: Final = 256 << 20
"""Maximum size of a message. A snapshot of all metrics that a gateway may have takes some megabytes."""

_LENGTH_BYTES: Final = 4


class Kind(Enum):
    """What a message says, in one byte."""

    ASK = b"a"
    """A worker sends its snapshot, and asks for that of all workers."""
    ALL = b"m"
    """The supervisor's answer: the snapshot of all workers."""
    QUERY = b"q"
    """The supervisor asks for a snapshot."""
    SNAPSHOT = b"s"
    """The worker's answer; without a question, its last one."""


def encode(kind: Kind, data: bytes = b"") -> bytes:
    """Return a message as it is sent."""
    return b"%b%b%b" % (kind.value, len(data).to_bytes(_LENGTH_BYTES, "big"), data)


class Link:
    """One end of the pair, in an event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, kind: Kind, data: bytes = b"") -> None:
        """Send a message; if the other end is closed, do nothing: that is noticed by the next read."""
        if not self._writer.is_closing():
            self._writer.write(encode(kind, data))

    async def messages(self) -> AsyncIterator[tuple[Kind, bytes]]:
        """Yield the messages that come, until the other end is closed.

        Raises:
            ValueError: what comes is no message.
        """
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(1 + _LENGTH_BYTES)
                kind, size = Kind(head[:1]), int.from_bytes(head[1:], "big")
                if size > MAX_BYTES:
                    message = f"a message of {size} bytes"
                    raise ValueError(message)
                yield kind, await self._reader.readexactly(size)

    def close(self) -> None:
        """Close this end."""
        self._writer.close()


async def open_link(sock: socket.socket) -> Link:
    """Return this end of the pair; it owns the socket."""
    return Link(*await asyncio.open_unix_connection(sock=sock))
