"""The connection of one upstream request, which can be aborted at any time, even before the response headers.

aiohttp does not show which connection a request uses until its response has begun, and closing a connection first sends
what is left of the request. This module extends aiohttp where the cancellation of a call needs more.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Final, cast

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.tracing import Trace

from gateway.clock import SystemClock, time_limit
from gateway.net.http_client import MAX_HEADER_BYTES
from gateway.net.http_response import HttpResponse
from gateway.net.open_files import open_socket
from gateway.net.resolver import ThreadResolver
from gateway.net.tcp import reset
from gateway.upstreams.base import NEVER_READ, Reads
from gateway.upstreams.chunks import ChunkJoiner, body_of
from gateway.upstreams.errors.network import Step
from gateway.upstreams.light_response import ShortQueue
from gateway.upstreams.unused_parsers import UnusedParsers

STALE_SECONDS = 0.1
"""Longest time from the last write to the loss of a kept connection that the server had closed before.

A server may close a kept connection at any time (RFC 9112, 9.3.1), and a request can cross with that: the loss is seen
at once, or a round trip later as a reset. A loss that comes later says that the server had the request, and a model may
be running by then. A POST must not be repeated unless it is known that it was not carried out (RFC 9110, 9.2.2). Longer
round trips than this are no fault: the loss is then one more attempt, which clients see as `retry`.
"""


_CHUNKED_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of the connections to one provider. Times in seconds; 0 connections means no limit."""

    connections: int = 0
    connect_timeout: float = 10.0
    keep_alive: float = 30.0
    stale: float = STALE_SECONDS


class TrackedProtocol(ResponseHandler):
    """aiohttp's client protocol, which also calls `listener` after each read and when the connection is lost.

    The listener runs in the callback of the event loop that read the socket. aiohttp's own way, a task that awaits the
    body, costs one more turn of the event loop for each chunk.

    The parser of a response that has nothing to parse is dropped after a while (`UnusedParsers`), with all headers that
    it has read: 2 KB, and of some providers 8 KB. It stands between two chunks then. What must be parsed later, the end
    of the connection included, is parsed by another one, which has read the head of a chunked response and so stands
    between two chunks, too.
    """

    # CPython 3.11 shares the keys of at most 30 instance attributes among a class's objects; beyond that each object
    # gets a dictionary of its own, of 1.6 KB. aiohttp's protocol is close to the limit: these stay out of it.
    __slots__ = (
        *("_end_callbacks", "_joiner", "_paused_reading", "_unused_parsers", "listener", "on_body"),
        *("awaits_head", "read_at", "served", "take", "was_paused"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, unused_parsers: UnusedParsers | None = None) -> None:
        super().__init__(loop)
        # Of responses: a connection has one at a time.
        self._buffer = ShortQueue()  # type: ignore[assignment]
        self.served = False
        """The connection has been used for a request before."""
        self.listener: Callable[[bytes], None] | None = None
        self.take: Callable[[bytes], bool] | None = None
        """Takes reads that need not be parsed; see `FastPath.read`."""
        self.on_body: Callable[[aiohttp.StreamReader], None] | None = None
        """Called with the body of another parser, and with an empty one while there is none; None: the parser is kept.
        """
        self._unused_parsers = unused_parsers
        self._end_callbacks: list[Callable[[], None]] | None = None
        """What is called at the end of the body, while the parser is dropped."""
        self.read_at = 0.0
        """See `Reads`."""
        self.was_paused = False
        """Reading was paused during this request: what was read before may be parsed later."""
        self._paused_reading = False
        self.awaits_head = False
        """Nothing of the response has been read."""
        self._joiner: ChunkJoiner | None = None
        """Joins the chunks of each read, if the body is chunked."""

    def attach(self) -> None:
        """Begin with a request."""
        self.served = self.awaits_head = True
        self.listener, self.take, self.on_body, self._joiner, self.was_paused = None, None, None, None, False

    def data_received(self, data: bytes) -> None:
        """Parse what was read, unless it is taken as it is; then call the listener with it."""
        if self.take is not None and self.take(data):
            return
        if self._end_callbacks is not None:
            self._make_parser(self._end_callbacks)
        self.read_at = monotonic()
        body = 0
        if self.awaits_head:
            self.awaits_head = False
            if body := body_of(data):
                self._joiner = ChunkJoiner()
        super().data_received(data if self._joiner is None else self._joiner.join(data, body))
        if self._exception is not None and self.transport is not None:
            # aiohttp has closed the connection after what is not HTTP: with TLS, that waits 30 s for a silent provider.
            self.transport.abort()
        if self.listener is not None:
            self.listener(data)

    def set_take(self, take: Callable[[bytes], bool], on_body: Callable[[aiohttp.StreamReader], None]) -> None:
        """Set `take`, and `on_body` if the head that was read means what that of another parser would."""
        self.take = take
        if self._joiner is not None and not self._should_close:
            self.on_body = on_body
            if self._unused_parsers is not None:
                self._unused_parsers.add(self)

    def drop_parser(self) -> bool:
        """Drop the parser if another one can stand in its place; return False if that may be so after further reads."""
        body, joiner = self._payload, self._joiner
        if self.on_body is None or body is None or joiner is None or not joiner.knows_framing or body.is_eof():
            return True
        if not joiner.is_between_chunks or self._paused_reading or body._size:  # noqa: SLF001
            return False
        self._end_callbacks = body._eof_callbacks  # noqa: SLF001
        self._parser = self._payload = None
        self.on_body(EMPTY_PAYLOAD)
        return True

    def _make_parser(self, end_callbacks: list[Callable[[], None]]) -> None:
        """Build the parser that stands where the one that was dropped has stood."""
        self._end_callbacks = None
        self.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        assert self._parser is not None  # noqa: S101 - that call has made it
        ((_, body),) = self._parser.feed_data(_CHUNKED_HEAD)[0]
        body._eof_callbacks = end_callbacks  # noqa: SLF001
        self._payload = body
        if self.on_body is not None:
            self.on_body(body)
            if self._unused_parsers is not None:
                self._unused_parsers.add(self)

    @property
    def should_close(self) -> bool:
        """Return True if it can't serve another request: without its parser, the body has not ended."""
        return self._end_callbacks is not None or super().should_close

    def pause_reading(self) -> None:
        """Pause reading, and remember it."""
        self._paused_reading = self.was_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's own
        """Resume reading if it is paused.

        aiohttp (`StreamReader._read_nowait_chunk`) calls this for each piece taken out of its buffer, paused or not.
        """
        if self._paused_reading:
            self._paused_reading = False
            super().resume_reading(resume_parser)

    def close(self) -> None:
        """Close the connection; abort one that is being closed.

        aiohttp has closed it after what is not HTTP. asyncio's own transport of TLS forgets at a second `close` what it
        would abort, and a provider that does not end TLS then keeps it for 30 s.
        """
        if self.transport is not None and self.transport.is_closing():
            self.abort()
        else:
            super().close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Handle the end of the connection, then call the listener."""
        self.read_at = monotonic()
        if self._end_callbacks is not None:
            self._make_parser(self._end_callbacks)
        super().connection_lost(exc)
        self._paused_reading = False
        if self.listener is not None:
            self.listener(b"")


class UpstreamConnection:
    """The connection that one request uses.

    `reused` is True if the connection had served another request before. `response` is set once its headers
    have arrived. `sent_at` is when the last piece of the request was written, in seconds of the system's clock.
    `has_tunnel`: a proxy passes it on unread.
    """

    __slots__ = (
        *("_closed", "_protocol", "_token", "_transport", "has_tunnel", "response", "reused", "sent_at"),
        *("step",),
    )

    def __init__(self) -> None:
        self.reused = self.has_tunnel = False
        self.step = Step.RESOLVE
        self.sent_at = 0.0
        self.response: HttpResponse | None = None
        self._protocol: TrackedProtocol | None = None
        self._transport: asyncio.Transport | None = None
        self._closed: asyncio.Future[None] | None = None
        """Done when the socket is closed, once the connection was reset."""
        self._token: Token[UpstreamConnection | None] | None = None

    def __enter__(self) -> None:
        """Register the connection that a request made inside this context gets from a `TrackingConnector`."""
        self._protocol = self._transport = self._closed = self.response = None
        self.reused, self.step = False, Step.RESOLVE
        self._token = _CONNECTION.set(self)

    def __exit__(self, *_error: object) -> None:
        if self._token is not None:
            _CONNECTION.reset(self._token)
            self._token = None

    def attach(self, protocol: TrackedProtocol) -> None:
        """Register the connection that the connector chose."""
        self._protocol, self._transport, self.reused = protocol, protocol.transport, protocol.served
        protocol.attach()
        self.step, self.sent_at = Step.SEND, monotonic()

    def on_write(self) -> None:
        """Record that a piece of the request is written now."""
        self.sent_at = monotonic()

    def was_stale(self, seconds: float) -> bool:
        """Return True if a kept connection was lost at once, with nothing received: see `STALE_SECONDS`."""
        elapsed, protocol = monotonic() - self.sent_at, self._protocol
        return self.reused and protocol is not None and protocol.awaits_head and elapsed <= seconds

    @property
    def is_lost(self) -> bool:
        """Return True if the connection has ended."""
        return self._protocol is not None and self._protocol.transport is None

    @property
    def reads(self) -> Reads:
        """Return what tells when the socket was read last; before there is a connection, it never was."""
        # aiohttp's protocol is a queue of responses, and false while that is empty.
        return NEVER_READ if self._protocol is None else self._protocol

    @property
    def was_paused(self) -> bool:
        """Return True if reading was paused during this request."""
        return self._protocol is not None and self._protocol.was_paused

    def set_listener(self, listener: Callable[[bytes], None]) -> None:
        """Set the function to call with each read, after it was parsed, and with b"" at the end of the connection."""
        if self._protocol is not None:
            self._protocol.listener = listener

    def set_take(self, take: Callable[[bytes], bool], on_body: Callable[[aiohttp.StreamReader], None]) -> None:
        """Set the functions that may take a read before it is parsed, and that get the body of another parser."""
        if self._protocol is not None:
            self._protocol.set_take(take, on_body)

    def keep_parser(self) -> None:
        """Keep the parser from now on."""
        if self._protocol is not None:
            self._protocol.on_body = None

    def replace_body(self, body: aiohttp.StreamReader) -> None:
        """Replace the body of the response: another parser reads it."""
        if self.response is not None:
            self.response.content = body

    def remove_listener(self, listener: Callable[[bytes], None]) -> None:
        """Remove the listener, and what takes reads, if it is still the one set.

        aiohttp returns a connection to its pool as soon as the body has been parsed. Another request may use it by now,
        with a listener of its own, which must stay.
        """
        if self._protocol is not None and self._protocol.listener == listener:
            self._protocol.listener = self._protocol.take = self._protocol.on_body = None

    def reset(self) -> None:
        """Reset the connection if this request still uses it; `abort`, which must follow, waits until it is closed.

        Unsent data is dropped, here and in the kernel: `close()` would first deliver the rest of the request, and the
        provider would begin an answer without a reader.
        """
        protocol, transport, response = self._protocol, self._transport, self.response
        if protocol is None or transport is None or self._closed is not None:
            return
        if response is not None and response.connection is None:
            # The response was read to its end: the connection is in the pool, and may serve another request already.
            return
        # aiohttp creates this future on first access, and only while the connection is open.
        self._closed = protocol.closed
        reset(transport)
        protocol.abort()
        if response is not None:
            response.close()

    async def abort(self) -> None:
        """Reset the connection if this request still uses it, and return when its socket is closed."""
        self.reset()
        closed, self._closed = self._closed, None
        if closed is not None:
            await _until_done(closed)
            # Retrieve the exception, or asyncio logs it as never retrieved. A reset by the peer closed the socket, too.
            closed.exception()


async def _until_done(future: asyncio.Future[None]) -> None:
    """Wait for a future. A cancellation takes effect after it: the caller must not return before its socket is closed.

    An anyio scope cancels again in each turn of the event loop.
    """
    is_cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError


_CONNECTION: ContextVar[UpstreamConnection | None] = ContextVar("upstream_connection", default=None)


class TrackingConnector(aiohttp.TCPConnector):
    """A connector that tells an `UpstreamConnection` which connection its request got, and how far it has come.

    A context variable carries the `UpstreamConnection`, because aiohttp calls `connect` inside the request and passes
    nothing through. `connect_timeout` bounds all that a new connection takes: its name, TCP, a proxy's tunnel and TLS.
    aiohttp's own limits bound either one address (`sock_connect`), or also the wait for a free connection (`connect`).
    """

    def __init__(self, limits: ConnectionLimits, *, keep: bool) -> None:
        common: dict[str, Any] = {"resolver": ThreadResolver(), "socket_factory": open_socket}
        if keep:
            super().__init__(limit=limits.connections, keepalive_timeout=limits.keep_alive, **common)
        else:
            super().__init__(limit=limits.connections, force_close=True, **common)
        self._connect_timeout = limits.connect_timeout
        self._unused_parsers = UnusedParsers(SystemClock())
        self._factory = cast("partial[ResponseHandler]", self._create_protocol)

    def counts(self) -> tuple[int, int]:
        """Return the number of connections in use, and of those that are kept. aiohttp has no public way to tell."""
        return len(self._acquired), sum(map(len, self._conns.values()))

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:
        """Return a connection from the pool, or a new one."""
        connection = await super().connect(req, traces, timeout)
        upstream_connection, protocol = _CONNECTION.get(), connection.protocol
        if upstream_connection is not None and isinstance(protocol, TrackedProtocol):
            upstream_connection.attach(protocol)
        return connection

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        connection = _CONNECTION.get()
        if connection is not None:
            connection.has_tunnel = req.proxy is not None and req.is_ssl()
        async with time_limit(self._connect_timeout):
            return await super()._create_connection(req, traces, timeout)

    async def _resolve_host(self, host: str, port: int, traces: Sequence[Trace] | None = None) -> list[ResolveResult]:
        addresses = await super()._resolve_host(host, port, traces)
        _set_step(Step.CONNECT)
        return addresses

    def _create_protocol(self) -> ResponseHandler:
        # The event loop asks for the protocol when TCP is connected, and before it begins with TLS; for a tunnel, once
        # for the connection to the proxy, and once for TLS inside of the tunnel.
        connection = _CONNECTION.get()
        is_tunnel = connection is not None and connection.has_tunnel and connection.step is not Step.TUNNEL
        _set_step(Step.TUNNEL if is_tunnel else Step.HANDSHAKE)
        return TrackedProtocol(self._loop, self._unused_parsers)


def _set_step(step: Step) -> None:
    connection = _CONNECTION.get()
    if connection is not None:
        connection.step = step
