"""Close a connection without losing the response that a client has not read yet."""

import asyncio
from collections.abc import Callable
from typing import Final

LINGER_SECONDS: Final = 2.0
"""How long to read on after a response that refuses a request, if its client does not close."""


class LingeringClose(asyncio.Protocol):
    """Takes a connection over after its last response: it discards what still arrives (RFC 9112, 9.6).

    A server that closes while a client is sending resets the connection, and the reset can overtake the response.
    """

    def __init__(self, transport: asyncio.Transport, on_lost: Callable[[Exception | None], None]) -> None:
        self._transport = transport
        self._on_lost = on_lost
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)
        transport.set_protocol(self)
        if transport.can_write_eof():
            transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end to the protocol that had the connection before."""
        self._timer.cancel()
        self._on_lost(exc)
