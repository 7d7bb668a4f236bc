"""Cut a connection so that the other end sees that it broke, and gets nothing more of what was on its way."""

import asyncio
import socket
import struct
from contextlib import suppress

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER without time to linger: what the kernel still holds is dropped, not delivered (tcp(7))."""


def reset(transport: asyncio.Transport) -> None:
    """Reset a connection; one that is closed already stays so."""
    below = transport.get_extra_info("socket")
    if below is not None and below.fileno() >= 0:
        with suppress(OSError):
            below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
