"""WebSocket: uvicorn's protocol, with bounded answers to pings, and a way for frames past its queue."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request

from gateway.admission.connections import Connection
from gateway.asgi import WRITER_EXTENSION
from gateway.net.tcp import reset
from gateway.protocol.errors import invalid
from gateway.server.lightweight import SingleReaderQueue, SingleWaiterEvent
from gateway.server.raw_response import answer

PONG_BYTES = 64 * 1024
"""What may wait in the socket of a client that sends pings and does not read the answers."""


UNKNOWN_BYTES = 64 * 1024
"""What is read of a client that nobody has begun to view for: it did not say yet who it is."""

FRAGMENTS = 4096
"""Pieces of one message: each takes memory, however small it is."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with bounds on pings, on pieces and on who is not known; no traceback for text that is not UTF-8."""

    # See `HttpProtocol`.
    __slots__ = (
        *(
            "_on_drain",
            "close_sent",
            "close_timeout",
            "close_timer",
            "curr_msg_data_type",
            "frames",
            "initial_response",
        ),
        *("last_ping_rtt", "pending_ping_payload", "ping_sent_at", "pong_timer", "read_paused", "request", "response"),
        *("_unknown_bytes", "place", "scope"),
    )

    raw = True
    curr_msg_data_type: Literal["text", "bytes"]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.place: Connection | None = None
        """Where its connection is counted."""
        self._unknown_bytes: int | None = 0
        """What was read before anybody viewed for it; None from then on."""
        self._on_drain: Callable[[], None] | None = None
        self.queue, self.writable = SingleReaderQueue(), SingleWaiterEvent()
        self.writable.set()

    async def run_asgi(self) -> None:
        """Run the application, with the writer lent to it."""
        self.scope["extensions"] = {WRITER_EXTENSION: self, **(self.scope["extensions"] or {})}  # type: ignore[dict-item]
        await super().run_asgi()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write whole frames; see `transports.writer.Writer`."""
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return self.writable.is_set()

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Have a viewer called when there is room; of its end, `receive` tells. See `transports.writer.Writer`.

        Its client is known by now: from here on messages have their full size.
        """
        self._on_drain = on_drain
        self._unknown_bytes = None
        if self.queue.empty():
            self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End it, and let go of what holds this: the viewer, and the parser, which would wait for more."""
        super().connection_lost(exc)
        if self.place is not None:
            self.place.leave()
        self._on_drain = None
        self.conn.parser.close()

    def data_received(self, data: bytes) -> None:
        """Read on, unless a client that is not known has sent too much. The first to come is a whole handshake.

        Who does not wait for its answer (RFC 6455, 4.1) is cut off.
        """
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:
                # Its parser has stricter bounds than that of HTTP, and would wait for ever.
                message = "The handshake can't be read: it has a body, a line of more than 8 KiB, or too many of them."
                self.transport.write(answer(invalid(message)))
                self.transport.close()
            return
        if not self.handshake_complete:
            self.transport.abort()
            return
        if self._unknown_bytes is not None:
            if self._unknown_bytes > UNKNOWN_BYTES:
                self._fail(4413, f"Say who you are within {UNKNOWN_BYTES} bytes.")
                return
            self._unknown_bytes += len(data)
        super().data_received(data)

    def abort(self) -> None:
        """Reset the connection; see `transports.writer.Writer`."""
        reset(self.transport)

    def resume_writing(self) -> None:
        """Tell that there is room again."""
        super().resume_writing()
        if self._on_drain is not None:
            self._on_drain()

    def receive(self) -> Coroutine[Any, Any, ASGIReceiveEvent]:
        """Give the next message, without a frame of its own to be kept meanwhile."""
        return super().receive() if self._unknown_bytes is None else self._receive_of_unknown()

    async def _receive_of_unknown(self) -> ASGIReceiveEvent:
        """Give the next message.

        What comes behind a handshake, or a hello, stays unread until that was looked at: it may be larger once its
        client is known.
        """
        if self.queue.empty():
            self._read_on()
        return await self.queue.get()

    async def send(self, message: ASGISendEvent) -> None:
        """Send, and let a close not wait behind what the client does not read."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over. What it said is dropped from the request itself: the parser's frame holds it too.
            self.request.headers.clear()
            self.response.headers.clear()

    def handle_connect(self, event: Request) -> None:
        """Take a handshake; see `receive`."""
        super().handle_connect(event)
        if not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def handle_parser_exception(self) -> None:
        """Close; to the application the client is gone: what it still says has nowhere to go, and is no fault of it."""
        super().handle_parser_exception()
        self.disconnected = True

    def handle_ping(self) -> None:
        """Answer, unless the answers are not read."""
        if self.transport.get_write_buffer_size() > PONG_BYTES:
            self.transport.abort()
            return
        super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """Add a piece to a message, if it has not too many."""
        if len(self.frames) < FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self._fail(4413, f"A message has at most {FRAGMENTS} pieces.")

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; close with 1007 (RFC 6455, 8.1) if it is text that can't be read."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self._fail(1007, "not UTF-8")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str) -> None:
        """Close at once, and read no more."""
        if self.conn.close_sent is None:
            # Else the client has closed as well, in the same read, and was answered.
            self.conn.send_close(code, reason)
        self.handle_parser_exception()

    def _read_on(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
