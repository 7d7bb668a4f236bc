"""Reset TCP connections: the peer sees an error, and receives nothing of what was still buffered."""

import asyncio
import socket
import struct
from contextlib import suppress

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with a timeout of 0: the kernel drops unsent data and sends RST, not FIN (socket(7), tcp(7))."""


def reset(transport: asyncio.WriteTransport) -> None:
    """Reset a connection. Does nothing to one that is closed already."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
