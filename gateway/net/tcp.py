"""Reset TCP connections: the peer sees an error, and receives nothing of what was still buffered."""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from contextlib import suppress
from typing import Final

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with a timeout of 0: the kernel drops unsent data and sends RST, not FIN (socket(7), tcp(7))."""

DELIVERY_SECONDS: Final = 1.0
"""How long to wait until a peer has what was written before a reset."""

READING_SECONDS: Final = 0.05
"""Time for a peer to read what its system has received: some systems drop it at a reset."""


async def delivered(transport: asyncio.WriteTransport) -> None:
    """Wait until the peer has what was written to a connection, and for the time that it takes to read that.

    It has acknowledged it when the queue of the socket is empty (SIOCOUTQ, tcp(7)). A peer that takes nothing, or a
    system that does not say, is waited for at most `DELIVERY_SECONDS`.
    """
    sock, loop = transport.get_extra_info("socket"), asyncio.get_running_loop()
    deadline = loop.time() + DELIVERY_SECONDS
    while sock is not None and sock.fileno() >= 0 and loop.time() < deadline:
        if not transport.get_write_buffer_size() and not _unacknowledged(sock.fileno()):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(READING_SECONDS)


def _unacknowledged(descriptor: int) -> int:
    """Return the bytes that the peer's system has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def reset(transport: asyncio.WriteTransport) -> None:
    """Reset a connection. Does nothing to one that is closed already."""
    try:
        sock = transport.get_extra_info("socket")
    except AttributeError:
        # asyncio's own transport of TLS raises it once it was closed twice, as aiohttp does after what is not HTTP.
        sock = None
    if sock is not None and sock.fileno() >= 0:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
