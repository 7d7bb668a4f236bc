"""HTTP/1.1: uvicorn's protocol, with bounds on what a client may do before our code sees anything of it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.protocols.lean import Flag, Flow
from gateway.reset import reset
from transports.writer import EXTENSION

HEAD_BYTES = 64 * 1024
"""The largest request head, URL included."""

BESIDE_EACH_BYTE = 16
"""What may stand beside each byte of a body, beyond 64 KiB: chunks' sizes, extensions, trailers. One alone has five."""

REQUEST_SECONDS = 60.0
"""How long a whole request, head and body, may take to arrive."""

NOTHING_QUEUED: deque[tuple[RequestResponseCycle, ASGI3Application]] = deque()
"""No pipelined requests are taken: one empty queue does for all connections."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounded heads, a time limit for requests, and no pipelining.

    A client that sends its next request into a running answer (no browser or proxy does) would hide its leaving
    behind it: reading stops there.
    """

    # With more than thirty attributes an object gets a dictionary of its own, of 1.6 KB (CPython 3.11): these stay
    # out of it.
    __slots__ = (
        "_beside",
        "_deadline",
        "_head_bytes",
        "_lost",
        "_resume",
        "cycle",
        "expect_100_continue",
        "headers",
        "scope",
        "url",
    )

    raw = False
    cycle: RequestResponseCycle
    parser: httptools.HttpRequestParser | None  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the first request's time."""
        self._head_bytes: int | None = None
        self._beside = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._resume: Callable[[], None] | None = None
        self._lost: Callable[[], None] | None = None
        super().connection_made(transport)
        self.pipeline, self.flow = NOTHING_QUEUED, Flow(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """End it."""
        self._arrived()
        super().connection_lost(exc)
        if self._lost is not None:
            self._lost()
        self._forget()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write a piece of body; see `transports.writer.Writer`."""
        if self.transport.is_closing():
            return True
        body = frames[0] if len(frames) == 1 else b"".join(frames)
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return not self.flow.write_paused

    def listen(self, resume: Callable[[], None], lost: Callable[[], None]) -> None:
        """Have a viewer called; see `transports.writer.Writer`."""
        self._resume, self._lost = resume, lost
        if not self.cycle.more_body:
            # The request has come whole: until the next one, nothing is to be parsed.
            self.parser = None
        # A large body has paused reading; how else should the client's leaving be noticed?
        self.flow.resume_reading()
        if self.cycle.disconnected:
            lost()

    def cut(self) -> None:
        """Reset the connection: closing it would wait for what is not read. See `transports.writer.Writer`."""
        if not self.cycle.disconnected:
            reset(self.transport)

    def resume_writing(self) -> None:
        """Tell that there is room again."""
        super().resume_writing()
        if self._resume is not None:
            self._resume()

    def on_response_complete(self) -> None:
        """Forget the viewer."""
        self._forget()
        super().on_response_complete()
        if self._head_bytes is not None and self._deadline is None and not self.transport.is_closing():
            # A head that was begun within the stream: its time runs from here.
            self._begin()

    def data_received(self, data: bytes) -> None:
        """Parse, and count while a head has no end."""
        if self.parser is None:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse()
        else:
            self._beside += len(data)
            if self._beside > HEAD_BYTES:
                # Its answer may have begun, so that nothing can be said.
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a head."""
        if self._deadline is None and self._lost is None:
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
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of body, unless it is not waited for: its answer streams already."""
        self._beside -= (1 + BESIDE_EACH_BYTE) * len(body)
        if self._lost is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._arrived()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._arrived()
        if self.transport.is_closing():
            return
        super().handle_websocket_upgrade()
        # It holds this, and nobody will tell this of the connection's end.
        self.parser = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Lend the writer, and keep less."""
        cycle.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]
        cycle.message_event = Flag()
        # The scope has them, for as long as it needs them.
        self.headers, self.url = [], b""
        super()._start_asgi_task(cycle, app)

    def _forget(self) -> None:
        """Let go of the viewer and of the writer that was lent to it: each holds this in turn."""
        self._resume = self._lost = None
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            cycle.scope.pop("extensions", None)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        said = f"The request's head is larger than {HEAD_BYTES} bytes.".encode()
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(said), said)
        )
        self.transport.close()
