"""The connection beneath one upstream call, so that it can be cut at any moment, also before the answer has begun."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from anyio import CancelScope
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.net.tcp import reset


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of the connections to one provider. Times in seconds; 0 connections means no limit."""

    connections: int = 0
    connect_timeout: float = 10.0
    keep_alive: float = 30.0


class TrackedProtocol(ResponseHandler):
    """A connection that tells who listens of each read, and of its end. `served`: it has been used for a call."""

    served = False
    listener: Callable[[], None] | None = None
    _paused_reading = False

    def data_received(self, data: bytes) -> None:
        """Parse, and tell."""
        super().data_received(data)
        if self.listener is not None:
            self.listener()

    def pause_reading(self) -> None:
        """Pause, and remember it."""
        self._paused_reading = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's own
        """Resume what was paused: aiohttp asks for it with every piece that is taken out of the buffer."""
        if self._paused_reading:
            self._paused_reading = False
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, and tell."""
        super().connection_lost(exc)
        self._paused_reading = False
        if self.listener is not None:
            self.listener()


class UpstreamConnection:
    """What one call holds of the network. `kept`: its connection had served before; `response`: once there is one."""

    def __init__(self) -> None:
        self.kept = False
        self.response: aiohttp.ClientResponse | None = None
        self._protocol: TrackedProtocol | None = None
        self._transport: asyncio.Transport | None = None

    @contextmanager
    def dialling(self) -> Iterator[None]:
        """Be told, within, of the connection that the connector gives."""
        token = _LINE.set(self)
        try:
            yield
        finally:
            _LINE.reset(token)

    def connected(self, protocol: TrackedProtocol) -> None:
        """Take note of the connection."""
        self._protocol, self._transport, self.kept = protocol, protocol.transport, protocol.served
        protocol.served = True

    @property
    def lost(self) -> bool:
        """Tell whether the connection is gone."""
        return self._protocol is not None and self._protocol.transport is None

    def listen(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each read and at the connection's end."""
        if self._protocol is not None:
            self._protocol.listener = listener

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more. The connection may be another call's by now, with another listener: that one stays."""
        if self._protocol is not None and self._protocol.listener == listener:
            self._protocol.listener = None

    async def hang_up(self) -> None:
        """Cut the connection, if it is still this call's, and return when its socket is closed.

        It is aborted, with what is unsent dropped on both sides of the kernel: closing would first deliver the rest
        of the request.
        """
        protocol, transport, response = self._protocol, self._transport, self.response
        if protocol is None or transport is None:
            return
        if response is not None and response.connection is None:
            # It was read to its end: the connection is back in the pool, and may be another call's already.
            return
        closed = protocol.closed
        reset(transport)
        protocol.abort()
        if response is not None:
            response.close()
        if closed is not None:
            with CancelScope(shield=True):
                await asyncio.wait([closed])
            # A reset by the peer is as closed as any.
            closed.exception()


def is_event_stream(response: aiohttp.ClientResponse) -> bool:
    """Tell whether a text/event-stream comes; without `content_type`, which would keep 1.7 KB with the response."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/event-stream"


def forget_headers(response: aiohttp.ClientResponse) -> None:
    """Drop what was said before the body: kilobytes for as long as the answer lasts. aiohttp has no word for it."""
    response._request_info = _NOTHING_ASKED  # noqa: SLF001
    response._headers, response._raw_headers = _NOTHING_ASKED.headers, ()  # noqa: SLF001


_NOTHING_ASKED = aiohttp.RequestInfo(URL(), "POST", CIMultiDictProxy(CIMultiDict[str]()), URL())
_LINE: ContextVar[UpstreamConnection | None] = ContextVar("line", default=None)


class TrackingConnector(aiohttp.TCPConnector):
    """A connector that tells a call which connection it got."""

    def __init__(self, limits: ConnectionLimits, *, keep: bool) -> None:
        if keep:
            super().__init__(limit=limits.connections, keepalive_timeout=limits.keep_alive)
        else:
            super().__init__(limit=limits.connections, force_close=True)
        self._factory = cast("partial[ResponseHandler]", partial(TrackedProtocol, self._loop))

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        """Give a connection, kept or new."""
        connection = await super().connect(req, traces, timeout)
        line, protocol = _LINE.get(), connection.protocol
        if line is not None and isinstance(protocol, TrackedProtocol):
            line.connected(protocol)
        return connection
