"""Respond to a connection that was refused, in the form that its client can read."""

import asyncio
import random
import re
from collections.abc import Callable
from typing import Final

from gateway.admission.connections import Connections
from gateway.clock import RestartableTimer, SystemClock
from gateway.protocol.errors import Refused
from gateway.server.raw_response import encode_refusal, encode_refusal_to_event_source

MAX_WAITING: Final = 50
"""Refused connections whose request is awaited at the same time; further ones get their response unread."""

WAIT_SECONDS: Final = 1.0
"""How long to wait for the head of the request."""

MAX_BYTES: Final = 16 * 1024
"""Bytes of the request that are read to find out who sent it."""

_EVENT_SOURCE: Final = re.compile(rb"GET [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?accept:[^\r\n]*text/event-stream", re.IGNORECASE)

_CLOCK: Final = SystemClock()


class RefusedConnection(asyncio.Protocol):
    """Takes over a connection that is not admitted: it reads who asks, responds, and closes.

    An `EventSource` that gets any status but 200 never connects again (WHATWG HTML, 9.2.3): it needs another response
    than all other clients, and only the head of its request tells.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        refused: Refused,
        connections: Connections,
        on_lost: Callable[[Exception | None], None],
    ) -> None:
        self._transport = transport
        self._refused = refused
        self._connections = connections
        self._on_lost = on_lost
        self._received = bytearray()
        self._timer = RestartableTimer(_CLOCK)
        connections.refused += 1
        transport.set_protocol(self)
        self._timer.start_limit(WAIT_SECONDS, self._respond)

    def data_received(self, data: bytes) -> None:
        """Respond as soon as the head of the request is complete, or too large."""
        if self._transport.is_closing():
            return
        self._received += data
        if b"\r\n\r\n" in self._received or len(self._received) > MAX_BYTES:
            self._respond()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end to the protocol that had the connection before."""
        self._timer.cancel()
        self._connections.refused -= 1
        self._on_lost(exc)

    def _respond(self) -> None:
        self._timer.cancel()
        if _EVENT_SOURCE.match(self._received):
            response = encode_refusal_to_event_source(self._refused, random.random())  # noqa: S311 - jitter, no secret
        else:
            response = encode_refusal(self._refused)
        self._received.clear()
        self._transport.write(response)
        self._transport.close()
