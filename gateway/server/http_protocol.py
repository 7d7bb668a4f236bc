"""HTTP/1.1: uvicorn's protocol, with limits on what a client may do before the application sees a request."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.admission.connections import Connection, Connections
from gateway.admission.log_throttle import log_message
from gateway.asgi import WRITER_EXTENSION
from gateway.clock import RestartableTimer, SystemClock
from gateway.log_fields import log_fields
from gateway.net.open_files import is_one_of_the_last
from gateway.net.tcp import reset
from gateway.protocol.errors import Refused, invalid
from gateway.server.http_10 import serve_http_10
from gateway.server.lightweight import LightFlowControl, SingleWaiterEvent
from gateway.server.lingering_close import LingeringClose
from gateway.server.raw_response import encode_refusal
from gateway.server.refused_connection import MAX_WAITING, RefusedConnection
from gateway.server.response_cycle import ResponseCycle
from gateway.server.websocket_protocol import WebSocketProtocol, has_body

logger = logging.getLogger(__name__)

_CLOCK = SystemClock()

MAX_HEAD_BYTES = 64 * 1024
"""Maximum bytes of a request head, URL included, and of the framing of its body (see `MAX_FRAMING_PER_BYTE`)."""

MAX_COPIED_BYTES = 256 * 1024
"""Largest chunk of a response's body that is copied to be written with its framing."""

MAX_URL_BYTES = 32 * 1024
"""Maximum bytes of a URL."""

MAX_OFFER_BYTES = 8 * 1024
"""Maximum bytes of the list of subprotocols that a client of a WebSocket offers."""

MAX_HEADERS = 100
"""Maximum number of headers in one request."""

HEAD_TIMEOUT = 10.0
"""Seconds for a request head to arrive, from the start of the connection (the first head) or from its first byte."""

MAX_FRAMING_PER_BYTE = 16
"""Maximum bytes of framing (chunk sizes, chunk extensions, trailers) for each byte of a body, beyond `MAX_HEAD_BYTES`.

A chunk of one byte has five bytes of framing (RFC 9112, 7.1): its size, and two line ends.
"""

REQUEST_TIMEOUT = 60.0
"""Seconds for a whole request, head and body, to arrive; they begin with those of the head."""

_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#@]*)")

EMPTY_PIPELINE: deque[tuple[RequestResponseCycle, ASGI3Application]] = deque()
"""Pipeline of every connection: requests are never queued (see `HttpProtocol`), so all share one empty deque."""


class NewestChunk:
    """The chunk that was written last, for all connections of a server.

    Viewers side by side write the same frames one after another: these are encoded once.
    """

    __slots__ = ("data", "frames")

    def __init__(self) -> None:
        self.frames: Sequence[bytes] = ()
        self.data = b""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits on request heads, time limits for requests, and no pipelining; `connections` counts them.

    `newest_chunk` is shared by all connections of a server.

    A request that arrives during the response to another ends the connection; a client that pipelines should then
    retry what was not answered (RFC 9112, 9.3.2). uvicorn queues such a request and stops reading, so that a disconnect
    during the response would go unnoticed. No browser or proxy pipelines.
    """

    # CPython 3.11 shares the keys of at most 30 instance attributes among a class's objects; beyond that each object
    # gets a dictionary of its own, of 1.6 KB. uvicorn's protocol is close to the limit: these stay out of it.
    __slots__ = (
        "_connection_counter",
        "_connection_slot",
        "_deadline",
        "_framing_bytes",
        "_head",
        "_head_bytes",
        "_needs_deadline",
        "_newest_chunk",
        "_on_disconnect",
        "_on_drain",
        "_read_body_bytes",
        "_read_bytes",
        "_refused",
        "cycle",
        "expect_100_continue",
        "headers",
        "scope",
        "url",
    )

    raw = False
    cycle: ResponseCycle
    parser: httptools.HttpRequestParser | None  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections | None = None,
        newest_chunk: NewestChunk | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connection_counter = connections
        self._newest_chunk = NewestChunk() if newest_chunk is None else newest_chunk
        self._connection_slot: Connection | None = None
        self._head_bytes: int | None = None
        """Bytes read of a head that is not complete; None outside of a head."""
        self._head = b""
        """Head of a response that is not written yet; see `begin`."""
        self._read_bytes = 0
        """Bytes of the read that is being parsed."""
        self._read_body_bytes = 0
        """Those of them that were a body."""
        self._refused = False
        """An error was sent, after which the connection ends."""
        self._framing_bytes = 0
        """Bytes read since the head, less what the body's size allows."""
        self._deadline: RestartableTimer | None = None
        self._needs_deadline = False
        """A request has begun in the read that is being parsed, and has no timeout yet."""
        self._on_drain: Callable[[], None] | None = None
        self._on_disconnect: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and start the first head's timeout; refuse it if there are too many."""
        super().connection_made(transport)
        self.pipeline, self.flow = EMPTY_PIPELINE, LightFlowControl(transport)
        has_files = True
        try:
            if self._connection_counter is not None:
                has_files = not is_one_of_the_last(transport.get_extra_info("socket").fileno())
                host = "" if self.client is None else self.client[0]
                self._connection_slot = self._connection_counter.admit(host, has_files=has_files)
        except Refused as refused:
            self._log_refusal(refused)
            self._refuse_connection(refused, has_files=has_files)
        else:
            self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's slot, and tell the viewer, if there is one."""
        self._cancel_deadline()
        # `write_head` may be called later, and uvloop's transport raises an error then.
        self._head = b""
        super().connection_lost(exc)
        if self._connection_slot is not None:
            self._connection_slot.release()
        if self._on_disconnect is not None:
            self._on_disconnect()
        self._unbind()

    def eof_received(self) -> None:
        """Report the disconnect: the transport closes the connection of a client that has ended its side.

        It closes once the client has what was written before: an abort would take that back.
        """
        if self._on_disconnect is not None:
            self.write_head()
            self.cycle.disconnected = True
            self._on_disconnect()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Implement `Writer.write`: write the frames as one chunk of the chunked transfer coding (RFC 9112, 7.1)."""
        if self.transport.is_closing():
            # Not a slow client, for which False would stand: the connection is ending, and `on_disconnect` follows.
            return True
        newest = self._newest_chunk
        if frames is not newest.frames:
            body = frames[0] if len(frames) == 1 else b""
            size = len(body) or sum(map(len, frames))
            if size > MAX_COPIED_BYTES:
                # A large part is not copied for each viewer: while it is written, all hold the same bytes.
                self.write_head()
                self.transport.writelines((b"%x\r\n" % size, *frames, b"\r\n"))
                return not self.flow.write_paused
            newest.frames, newest.data = frames, b"%x\r\n%b\r\n" % (size, body or b"".join(frames))
        # One write and one bytes object: the transport tries to send at once, so that each write is a system call.
        if self._head:
            self.transport.write(self._head + newest.data)
            self._head = b""
        else:
            self.transport.write(newest.data)
        return not self.flow.write_paused

    def begin(self, head: bytes) -> None:
        """Implement `HeadWriter.begin`: a stream writes its first frames in the same turn of the event loop."""
        self._head = head
        self.loop.call_soon(self.write_head)

    def write_head(self) -> None:
        """Implement `HeadWriter.write_head`."""
        if self._head:
            head, self._head = self._head, b""
            self.transport.write(head)

    def unsent_bytes(self) -> int:
        """Implement `Writer.unsent_bytes`."""
        return self.transport.get_write_buffer_size()

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Implement `Writer.bind`."""
        self._on_drain, self._on_disconnect = on_drain, on_disconnect
        if not self.cycle.more_body:
            # The request is complete. A parser takes memory, and this stream may be long: the next read makes another.
            self.parser = None
        # uvicorn pauses reading when a body exceeds 64 KiB. A paused socket does not report that its client has left.
        self.flow.resume_reading()
        if self.cycle.disconnected:
            on_disconnect()

    def abort(self) -> None:
        """Implement `Writer.abort`: reset the connection. A close would first flush what the client does not read."""
        if not self.cycle.disconnected:
            reset(self.transport)

    def cut(self) -> None:
        """Implement `Writer.cut`: close without the last chunk (RFC 9112, 8).

        A reset could take back what was written: the client's system drops what it has not read by then.
        """
        if not self.cycle.disconnected:
            # uvicorn logs a response that its application leaves incomplete as an error.
            self.cycle.disconnected = True
            self.write_head()
            self.transport.close()

    def resume_writing(self) -> None:
        """Call the viewer's `on_drain`: the transport's write buffer has room again."""
        super().resume_writing()
        if self._on_drain is not None:
            self._on_drain()

    def on_response_complete(self) -> None:
        """Release the viewer, and start the timeout of a head that began during its stream."""
        self._unbind()
        super().on_response_complete()
        if self._head_bytes is not None and self._deadline is None and not self._has_ended:
            # `on_message_begin` started no timeout during the stream. Now it runs, and the connection is not idle.
            self._unset_keepalive_if_required()
            self._start_deadline()

    def data_received(self, data: bytes) -> None:
        """Parse a read, then check the size of what is not complete."""
        if self.parser is None:
            self.parser = httptools.HttpRequestParser(self)
            # As uvicorn sets it for the first parser of a connection.
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        scope, idle, self._read_bytes, self._read_body_bytes = self.scope, None, len(data), 0
        if self._deadline is None:
            # uvicorn stops its keep-alive timer at any byte. Empty lines before a request line are ignored (RFC 9112,
            # 2.2), so a client could keep an idle connection with them for ever: the timer is hidden from uvicorn.
            idle, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if idle is not None:
            # Each request has a scope of its own, from its first byte on.
            if self.scope is scope:
                self.timeout_keep_alive_task = idle
            else:
                idle.cancel()
        self._check_size(len(data))
        if self._needs_deadline:
            self._start_deadline()

    def on_message_begin(self) -> None:
        """Start to count a head, and its timeout."""
        # The first head's timeout runs since `connection_made`. None is started during a stream, because it would abort
        # that stream: `on_response_complete` starts it. Most requests come in one read, and need none.
        self._needs_deadline = self._deadline is None and self._on_disconnect is None
        # After an early response, the read may begin with the rest of the body before.
        self._head_bytes = -self._read_body_bytes
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Check a complete head; start the application if it is valid."""
        # `_check_size` runs after each read, and does not see a head that this read completes. Measuring the head costs
        # a loop over all headers, so it is done only where it may be too large: the read may hold a part of the body.
        received = (self._head_bytes or 0) + self._read_bytes
        # The read in which a head ends is counted as framing, head included: hence the credit.
        self._head_bytes, self._framing_bytes = None, -MAX_HEAD_BYTES - self._read_body_bytes
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            # A pipelined request (see the class). No response can be written inside of the one that has begun.
            self.transport.abort()
        elif len(self.url) > MAX_URL_BYTES:
            self._refuse(_url_too_long(), linger=True)
        elif received > MAX_HEAD_BYTES and self._encoded_size() > MAX_HEAD_BYTES:
            self._refuse(_head_too_large(), linger=True)
        elif len(self.headers) > MAX_HEADERS:
            self._refuse(invalid(f"The request has more than {MAX_HEADERS} headers.", status=431), linger=True)
        elif not self._has_valid_host():
            self._refuse(
                invalid("A request must have exactly one Host header (RFC 9112, 3.2).", param="Host"), linger=True
            )
        elif not self._apply_absolute_form():
            self._refuse(invalid("The host of the request target is missing.", param="url"), linger=True)
        elif not self._has_ended and self.parser is not None:
            self._start(self.parser)

    def _start(self, parser: httptools.HttpRequestParser) -> None:
        """Start the application with this protocol as its direct writer; an upgrade follows the parser's return.

        In place of uvicorn's method, which makes an event of another kind, and a cycle of its own.
        """
        scope, version, app = self.scope, parser.get_http_version(), self.app
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"], scope["raw_path"] = unquote(path) if "%" in path else path, url.path
        scope["query_string"] = url.query or b""
        is_http_10 = version == "1.0"
        self.cycle = cycle = ResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=SingleWaiterEvent(),
            # RFC 9110, 10.1.1: a client of HTTP/1.0 does not know 100 (Continue).
            expect_100_continue=self.expect_100_continue and not is_http_10,
            keep_alive=not is_http_10 and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if is_http_10:
            # No direct writer, which writes chunks.
            app = partial(serve_http_10, app, cycle)
        else:
            scope["extensions"] = {WRITER_EXTENSION: self}  # type: ignore[dict-item]
            cycle.head_writer = self
        # The scope holds what the application needs of them; between the requests of a connection nothing does.
        self.headers, self.url = [], b""
        self._start_asgi_task(cycle, app)

    def _apply_absolute_form(self) -> bool:
        """Replace Host by the host of a target in absolute form, which alone counts; return False if it has none.

        What reads Host later, such as the check of a page's origin, sees the host that was asked (RFC 9112, 3.2.2).
        """
        match = _ABSOLUTE_FORM.match(self.url)
        if match is not None:
            self.headers[:] = [(name, match[1] if name == b"host" else value) for name, value in self.headers]
            rest = self.url[match.end() :]
            self.url = rest if rest.startswith(b"/") else b"/" + rest
        return match is None or bool(match[1])

    def on_body(self, body: bytes) -> None:
        """Buffer a piece of the body, unless nothing reads it: its response streams already, or it was refused."""
        self._read_body_bytes += len(body)
        self._framing_bytes -= (1 + MAX_FRAMING_PER_BYTE) * len(body)
        if self._on_disconnect is None and not self._has_ended:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the request's timeout; start the keep-alive timer if the response was complete before the request."""
        self._cancel_deadline()
        if self._has_ended:
            return
        super().on_message_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_complete and self.timeout_keep_alive_task is None:
            # uvicorn starts the timer at the end of the response; the rest of the body has stopped it again.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection, with its slot, to a `WebSocketProtocol`."""
        self._cancel_deadline()
        if self._has_ended:
            return
        self._unset_keepalive_if_required()
        if has_body(self.headers):
            self._refuse(invalid("A WebSocket handshake must not have a body (RFC 6455, 4.1)."))
            return
        if any(len(value) > MAX_OFFER_BYTES for name, value in self.headers if name == b"sec-websocket-protocol"):
            message = f"The offered subprotocols are longer than {MAX_OFFER_BYTES} bytes."
            self._refuse(invalid(message, param="Sec-WebSocket-Protocol", status=431))
            return
        self.connections.discard(self)
        # The parser and this protocol are a reference cycle, which `connection_lost` would break: from now on the
        # transport calls that of the other protocol.
        self.parser = None
        websocket = WebSocketProtocol(self.config, self.server_state, self.app_state)
        websocket.connection_slot, self._connection_slot = self._connection_slot, None
        self.transport.set_protocol(websocket)
        websocket.begin(self.transport, self.scope, self.url)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that can't be parsed, with our error body in place of uvicorn's text."""
        self._refuse(invalid("This is not a valid HTTP/1.1 request."), linger=True)

    def _encoded_size(self) -> int:
        """Return the bytes of a complete head, with one space where any number is allowed (RFC 9112, 3 and 5)."""
        method = b"" if self.parser is None else self.parser.get_method()
        request_line = len(method) + len(self.url) + len("  HTTP/1.1\r\n")
        return request_line + sum(len(name) + len(value) + 4 for name, value in self.headers) + len("\r\n")

    def _has_valid_host(self) -> bool:
        """Return True if the request has exactly one Host header, or none in HTTP/1.0 (RFC 9112, 3.2)."""
        hosts = [name for name, _ in self.headers].count(b"host")
        return hosts == 1 or (hosts == 0 and self.parser is not None and self.parser.get_http_version() == "1.0")

    def _unbind(self) -> None:
        """Release the viewer's callbacks and the writers: each is a reference cycle with this protocol."""
        self._on_drain = self._on_disconnect = None
        cycle: ResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.scope.pop("extensions", None)
            cycle.head_writer = None

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless a request waits in its socket."""
        self.timeout_keep_alive_task = _CLOCK.after_reading(super().timeout_keep_alive_handler)  # type: ignore[assignment]

    def _start_deadline(self) -> None:
        self._needs_deadline = False
        self._deadline = RestartableTimer(_CLOCK)
        self._deadline.start_limit(HEAD_TIMEOUT, self._on_deadline)

    def _on_deadline(self) -> None:
        """End the connection if its head is not complete; else start the timeout of the body."""
        scope: HTTPScope | None = self.scope
        if scope is None:
            # Nothing was sent. Browsers open connections in advance: a response, such as 408, could cross the request
            # that they are just sending, and be taken for the response to it.
            self.transport.abort()
        elif self._head_bytes is not None:
            message = f"The request head took longer than {HEAD_TIMEOUT:g} seconds to arrive."
            self._refuse(invalid(message, status=408))
        elif self._deadline is not None:
            self._deadline.start_limit(REQUEST_TIMEOUT - HEAD_TIMEOUT, self.transport.abort)

    def _cancel_deadline(self) -> None:
        self._needs_deadline = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _check_size(self, size: int) -> None:
        """Count `size` bytes of a read; refuse a head, or the framing of a body, that is too large."""
        if self._head_bytes is not None:
            self._head_bytes += size
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_url_too_long() if len(self.url) > MAX_URL_BYTES else _head_too_large(), linger=True)
        else:
            self._framing_bytes += size
            if self._framing_bytes > MAX_HEAD_BYTES:
                message = f"The request has more than {MAX_HEAD_BYTES} bytes of chunk framing and trailers."
                self._refuse(invalid(message), linger=True)

    def _log_refusal(self, refused: Refused) -> None:
        """Log that a connection was refused, at most once per period of the throttle."""
        if self._connection_counter is not None and self._connection_counter.log_throttle.is_due(self.loop.time()):
            address = "" if self.client is None else self.client[0]
            fields = log_fields("connection_refused", address=address, code=refused.code.value)
            logger.warning("a connection from %s was refused: %s", address, log_message(refused), extra=fields)

    def _refuse_connection(self, refused: Refused, *, has_files: bool) -> None:
        """Refuse a connection in the form that its client can read, if it may wait for the request; else at once."""
        connections = self._connection_counter
        if connections is None or not has_files or connections.refused >= MAX_WAITING:
            self._refuse(refused)
        else:
            self._refused = True
            RefusedConnection(self.transport, refused, connections, self.connection_lost)

    def _refuse(self, refused: Refused, *, linger: bool = False) -> None:
        """Respond with an error and close; abort where a response has begun, whose body the error would become.

        With `linger`, what the client may still be sending is discarded for a while; see `LingeringClose`.
        """
        self._cancel_deadline()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
        elif not self._has_ended:
            self._refused = True
            self.transport.write(encode_refusal(refused))
            if cycle is not None and not cycle.response_complete:
                # What follows a request may be what is refused: its response must not be written after the refusal.
                cycle.disconnected = True
                cycle.message_event.set()
            if linger:
                LingeringClose(self.transport, self.connection_lost)
            else:
                self.transport.close()

    @property
    def _has_ended(self) -> bool:
        """Return True if nothing that arrives counts any more."""
        return self._refused or self.transport.is_closing()


def _url_too_long() -> Refused:
    message = f"The URL is longer than {MAX_URL_BYTES} bytes: send its parameters in the body of a POST request."
    return invalid(message, param="url", status=414)


def _head_too_large() -> Refused:
    return invalid(f"The request head is larger than {MAX_HEAD_BYTES} bytes.", status=431)
