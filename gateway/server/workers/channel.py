"""What a worker inherits from its supervisor: the listening socket, and a channel for instructions."""

import asyncio
import socket
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

VARIABLE: Final = "_DUALSTREAM_WORKER"
"""Internal environment variable of a worker: the file descriptors of its listening socket and of its channel."""

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


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a worker inherits."""

    listening: socket.socket
    channel: Channel


def is_worker(environment: Mapping[str, str]) -> bool:
    """Return True in a process that a supervisor has started."""
    return VARIABLE in environment


def pass_on(listening: socket.socket, channel: socket.socket) -> str:
    """Return the value of `VARIABLE` for a process that inherits these sockets."""
    return f"{listening.fileno()} {channel.fileno()}"


def inherit(environment: MutableMapping[str, str]) -> Inheritance | None:
    """Return what this process inherits as a worker, and remove the variable, so that no process below it does.

    Without the variable, return None: this process is no worker.
    """
    value = environment.pop(VARIABLE, None)
    if value is None:
        return None
    listening, channel = (socket.socket(fileno=int(number)) for number in value.split())
    for inherited in (listening, channel):
        inherited.set_inheritable(False)
    return Inheritance(listening, Channel(channel))
