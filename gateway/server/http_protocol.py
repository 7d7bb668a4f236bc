"""HTTP/1.1: uvicorn's protocol, with bounds on what a client may do before our code sees anything of it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.admission.connections import Connection, Connections
from gateway.admission.log_throttle import log_message
from gateway.asgi import WRITER_EXTENSION
from gateway.net.tcp import reset
from gateway.protocol.errors import Refused, invalid
from gateway.server.lightweight import LightFlowControl, SingleWaiterEvent
from gateway.server.raw_response import answer
from gateway.server.websocket_protocol import SocketProtocol

logger = logging.getLogger(__name__)

HEAD_BYTES = 64 * 1024
"""The largest request head, URL included; as much again may stand beside a body."""

URL_BYTES = 32 * 1024
"""The longest URL."""

HEADER_LINES = 100
"""Headers of one request."""

HEAD_SECONDS = 10.0
"""How long a head may take to arrive: the first one from the connection's beginning, others from their first byte."""

BESIDE_EACH_BYTE = 16
"""What may stand beside each byte of a body, beyond 64 KiB: chunks' sizes, extensions, trailers. One alone has five."""

REQUEST_SECONDS = 60.0
"""How long a whole request, head and body, may take to arrive."""

NOTHING_QUEUED: deque[tuple[RequestResponseCycle, ASGI3Application]] = deque()
"""No pipelined requests are taken: one empty queue does for all connections."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounded heads, time limits for requests, and no pipelining; `connections` counts them.

    A client that sends its next request into a running answer (no browser or proxy does) would hide its leaving
    behind it: reading stops there.
    """

    # With more than thirty attributes an object gets a dictionary of its own, of 1.6 KB (CPython 3.11): these stay
    # out of it.
    __slots__ = (
        "_beside",
        "_counted",
        "_deadline",
        "_head_bytes",
        "_on_disconnect",
        "_on_drain",
        "_place",
        "_read_bytes",
        "cycle",
        "expect_100_continue",
        "headers",
        "scope",
        "url",
    )

    raw = False
    cycle: RequestResponseCycle
    parser: httptools.HttpRequestParser | None  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._counted = connections
        self._place: Connection | None = None
        self._head_bytes: int | None = None
        self._read_bytes = 0
        self._beside = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._on_drain: Callable[[], None] | None = None
        self._on_disconnect: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and begin the first request's time; one too many is told so, and closed without being read."""
        super().connection_made(transport)
        self.pipeline, self.flow = NOTHING_QUEUED, LightFlowControl(transport)
        try:
            if self._counted is not None:
                self._place = self._counted.enter("" if self.client is None else self.client[0])
        except Refused as refused:
            self._tell(refused)
            self._refuse(refused)
        else:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        self._arrived()
        super().connection_lost(exc)
        if self._place is not None:
            self._place.leave()
        if self._on_disconnect is not None:
            self._on_disconnect()
        self._forget()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write a piece of body; see `transports.writer.Writer`."""
        if self.transport.is_closing():
            return True
        body = frames[0] if len(frames) == 1 else b"".join(frames)
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return not self.flow.write_paused

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Have a viewer called; see `transports.writer.Writer`."""
        self._on_drain, self._on_disconnect = on_drain, on_disconnect
        if not self.cycle.more_body:
            # The request has come whole: until the next one, nothing is to be parsed.
            self.parser = None
        # A large body has paused reading; how else should the client's leaving be noticed?
        self.flow.resume_reading()
        if self.cycle.disconnected:
            on_disconnect()

    def abort(self) -> None:
        """Reset the connection: closing it would wait for what is not read. See `transports.writer.Writer`."""
        if not self.cycle.disconnected:
            reset(self.transport)

    def resume_writing(self) -> None:
        """Tell that there is room again."""
        super().resume_writing()
        if self._on_drain is not None:
            self._on_drain()

    def on_response_complete(self) -> None:
        """Forget the viewer."""
        self._forget()
        super().on_response_complete()
        if self._head_bytes is not None and self._deadline is None and not self.transport.is_closing():
            # A head that was begun within the stream: its time runs from here, and the connection is not idle.
            self._unset_keepalive_if_required()
            self._begin()

    def data_received(self, data: bytes) -> None:
        """Parse, and count while a head has no end."""
        if self.parser is None:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        scope, idle, self._read_bytes = self.scope, None, len(data)
        if self._deadline is None:
            # uvicorn takes any byte for a request's. Line ends between requests are none, and end nobody's idling.
            idle, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if idle is not None:
            if self.scope is scope:
                self.timeout_keep_alive_task = idle
            else:
                idle.cancel()
        self._count(len(data))

    def on_message_begin(self) -> None:
        """Begin a head."""
        if self._deadline is None and self._on_disconnect is None:
            self._begin()
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head."""
        # The read that it ends in is counted whole.
        self._head_bytes, self._beside = None, -HEAD_BYTES
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self.transport.abort()
        elif len(self.url) > URL_BYTES:
            self._refuse(_too_long())
        elif self._read_bytes > HEAD_BYTES and _size(self.headers) + len(self.url) > HEAD_BYTES:
            self._refuse(_too_large())
        elif len(self.headers) > HEADER_LINES:
            self._refuse(invalid(f"The request has more than {HEADER_LINES} headers.", status=431))
        elif not self._names_one_host():
            self._refuse(invalid("A request names its host, once (RFC 9112, 3.2).", param="Host"))
        elif not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of body, unless it is not waited for: its answer streams already, or it was refused."""
        self._beside -= (1 + BESIDE_EACH_BYTE) * len(body)
        if self._on_disconnect is None and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._arrived()
        if self.transport.is_closing():
            return
        super().on_message_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_complete and self.timeout_keep_alive_task is None:
            # Its answer did not wait for all of it: the connection is idle from here.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._arrived()
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        super().handle_websocket_upgrade()
        # It holds this, and nobody will tell this of the connection's end.
        self.parser = None
        cast("SocketProtocol", self.transport.get_protocol()).place, self._place = self._place, None

    def send_400_response(self, msg: str) -> None:
        """Refuse what can't be parsed."""
        self._refuse(invalid("This can't be read as a request of HTTP/1.1."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Lend the writer, and keep less."""
        cycle.scope["extensions"] = {WRITER_EXTENSION: self}  # type: ignore[dict-item]
        cycle.message_event = SingleWaiterEvent()
        # The scope has them, for as long as it needs them.
        self.headers, self.url = [], b""
        super()._start_asgi_task(cycle, app)

    def _names_one_host(self) -> bool:
        hosts = sum(name == b"host" for name, _ in self.headers)
        return hosts == 1 or (hosts == 0 and self.parser is not None and self.parser.get_http_version() == "1.0")

    def _forget(self) -> None:
        """Let go of the viewer and of the writer that was lent to it: each holds this in turn."""
        self._on_drain = self._on_disconnect = None
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.scope.pop("extensions", None)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._look)

    def _look(self) -> None:
        """See how far a request has come by the time that its head may take."""
        scope: HTTPScope | None = self.scope
        if scope is None:
            # Browsers open connections ahead: they would take an answer for one to what they are just sending.
            self.transport.abort()
        elif self._head_bytes is not None:
            self._refuse(invalid(f"The request's head took longer than {HEAD_SECONDS:g} seconds.", status=408))
        else:
            self._deadline = self.loop.call_later(REQUEST_SECONDS - HEAD_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _count(self, size: int) -> None:
        if self._head_bytes is not None:
            self._head_bytes += size
            if self._head_bytes > HEAD_BYTES:
                self._refuse(_too_long() if len(self.url) > URL_BYTES else _too_large())
        else:
            self._beside += size
            if self._beside > HEAD_BYTES:
                self._refuse(invalid(f"More than {HEAD_BYTES} bytes stand beside what the request's body holds."))

    def _tell(self, refused: Refused) -> None:
        """Tell the log, now and then."""
        if self._counted is not None and self._counted.log_throttle.is_due(self.loop.time()):
            whose = "" if self.client is None else self.client[0]
            logger.warning("a connection from %s was refused: %s", whose, log_message(refused))

    def _refuse(self, refused: Refused) -> None:
        """Answer, and close; where an answer has begun, there is no room for another."""
        self._arrived()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(answer(refused))
            self.transport.close()


def _too_long() -> Refused:
    message = f"The URL is longer than {URL_BYTES} bytes: send what it holds as the body of a POST."
    return invalid(message, param="url", status=414)


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Give what header lines take, with what stands between names and values, and at their ends."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _too_large() -> Refused:
    return invalid(f"The request's head is larger than {HEAD_BYTES} bytes.", status=431)
