"""The channel between a supervisor and a worker: a pair of sockets, each message one byte."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final

LISTENING: Final = b"l"
"""What a worker sends once, when it listens."""

READ_BYTES: Final = 64


class Instruction(Enum):
    """What a supervisor tells a worker to do, in one byte."""

    DRAIN = b"d"
    """Refuse new starts, finish what runs, end. As all workers do so, connections are still accepted, to be refused."""
    RETIRE = b"r"
    """The same, but leave new connections to the others."""
    EXIT = b"x"
    """End at once."""
    RELOAD = b"h"
    """Load models and keys again."""


class Channel:
    """A worker's end of the channel."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self._sock = sock

    def open(self, follow: Callable[[Instruction | None], None]) -> None:
        """Report that this process listens, and call `follow` with each instruction; None: the supervisor has ended."""
        loop = asyncio.get_running_loop()
        # A supervisor that has ended is noticed by the next read.
        with suppress(OSError):
            self._sock.send(LISTENING)
        loop.add_reader(self._sock, self._read, follow)

    def close(self) -> None:
        """Close it: for the supervisor, this process ends."""
        self._sock.close()

    def _read(self, follow: Callable[[Instruction | None], None]) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._sock)
            follow(None)
        for byte in data:
            follow(Instruction(bytes([byte])))
