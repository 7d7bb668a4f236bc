"""WebSocket: uvicorn's protocol, with limits on pings, fragments and unauthenticated clients, and a direct writer."""

import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request

from gateway.admission.connections import Connection
from gateway.admission.prompts import PromptReservation
from gateway.asgi import REFUSED, WRITER_EXTENSION
from gateway.clock import SystemClock
from gateway.net.tcp import reset
from gateway.protocol.errors import invalid
from gateway.server.lightweight import SingleReaderQueue, SingleWaiterEvent
from gateway.server.message_limiter import HEAD_BYTES, Dropped, MessageLimiter
from gateway.server.raw_response import encode_refusal

_CLOCK = SystemClock()

MAX_UNSENT_BYTES = 64 * 1024
"""Bytes in the write buffer above which pongs are counted: the client pings, and may not read the pongs."""

MAX_UNSENT_PONGS = 512
"""Maximum number of pongs behind that: a pong has at most 127 bytes (RFC 6455, 5.5)."""

MAX_UNAUTHENTICATED_BYTES = 64 * 1024
"""Bytes after which no more is read of a client that has not authenticated yet (no viewer is bound)."""

READ_BYTES = 64 * 1024
"""Bytes of one read of what a connection that broke has left."""

MAX_FRAGMENTS = 4096
"""Maximum number of fragments of one message: each takes memory, even an empty one (RFC 6455, 5.4, has no limit)."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with limits on messages, pings and unauthenticated clients; text that is not UTF-8 logs no traceback.

    Its direct writer bypasses uvicorn's `send`: it gets whole, encoded frames.
    """

    # For the reason given in `HttpProtocol`.
    __slots__ = (
        "_discards_message",
        "_limiter",
        "_on_drain",
        "_unauthenticated_bytes",
        "_unsent_pongs",
        "close_sent",
        "close_timeout",
        "close_timer",
        "connection_slot",
        "curr_msg_data_type",
        "frames",
        "initial_response",
        "last_ping_rtt",
        "pending_ping_payload",
        "ping_sent_at",
        "pong_timer",
        "read_paused",
        "request",
        "response",
        "scope",
    )

    raw = True
    curr_msg_data_type: Literal["text", "bytes"]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.connection_slot: Connection | None = None
        """Slot of the connection among all that are counted; `HttpProtocol` passes it on."""
        self._unauthenticated_bytes: int | None = 0
        """Bytes read before a viewer was bound, or a reservation counts them; None from then on."""
        self._on_drain: Callable[[], None] | None = None
        self._unsent_pongs = 0
        """Pongs written since the write buffer was last found small."""
        self._limiter = MessageLimiter(config.ws_max_size)
        self._discards_message = False
        """The message whose fragments come is dropped, and rejected already."""
        self.queue, self.writable = SingleReaderQueue(), SingleWaiterEvent()
        self.writable.set()

    async def run_asgi(self) -> None:
        """Run the application with this protocol as its direct writer."""
        self.scope["extensions"] = {WRITER_EXTENSION: self, **(self.scope["extensions"] or {})}  # type: ignore[dict-item]
        await super().run_asgi()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Implement `Writer.write`: write whole WebSocket frames."""
        # No data frame may precede the handshake's response, or follow a close frame (RFC 6455, 5.5.1).
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return self.writable.is_set()

    def unsent_bytes(self) -> int:
        """Implement `Writer.unsent_bytes`."""
        return self.transport.get_write_buffer_size()

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Implement `Writer.bind`; `on_disconnect` is never called, because `receive` returns the disconnect.

        A viewer is bound once its client is authenticated: from here on messages may have their full size.
        """
        self._on_drain = on_drain
        self._accept_any_size()

    def limit_messages(self, max_bytes: int, reservation: PromptReservation) -> None:
        """Implement `MessageReader.limit_messages`: what a reservation counts needs no limit of its own."""
        self._limiter.max_bytes, self._limiter.reservation = max_bytes, reservation
        self._accept_any_size()

    def _accept_any_size(self) -> None:
        self._unauthenticated_bytes = None
        if self.queue.empty():
            self._resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection's slot and the reference cycles: the viewer's callback, and the parser.

        The parser is a suspended generator that waits for more data.
        """
        if exc is not None:
            self._read_rest()
        super().connection_lost(exc)
        if self.connection_slot is not None:
            self.connection_slot.release()
        self._on_drain = None
        self.conn.parser.close()

    def _read_rest(self) -> None:
        """Parse what waits in the socket of a connection that broke: its last command may be a stop.

        A write that fails ends the connection, read or not. The kernel keeps what came before a reset until the socket
        is closed, which follows this call; nothing is added to it.
        """
        sock = self.transport.get_extra_info("socket")
        with suppress(OSError):
            while sock is not None and not self.disconnected and (data := os.read(sock.fileno(), READ_BYTES)):
                self.data_received(data)

    def data_received(self, data: bytes) -> None:
        """Parse a read, unless an unauthenticated client has sent too much.

        The first one is the whole handshake, which uvicorn's HTTP protocol has parsed and encodes again. A client that
        sends frames before it has the response, which it must wait for (RFC 6455, 4.1), is disconnected.
        """
        if not self.handshake_initiated:
            super().data_received(data)
            if not self.handshake_initiated:
                # The parser of websockets has stricter limits than llhttp. It records its error (`handshake_exc`), but
                # makes no event of it: uvicorn would wait for one for ever.
                message = "The handshake is not valid: it has a body, a line of more than 8 KiB, or too many headers."
                self.transport.write(encode_refusal(invalid(message)))
                self.transport.close()
            return
        if not self.handshake_complete:
            self.transport.abort()
            return
        if self._unauthenticated_bytes is not None:
            # Checked before this read is counted: the read that exceeds the limit may hold a valid hello, and the start
            # of a large message behind it.
            if self._unauthenticated_bytes > MAX_UNAUTHENTICATED_BYTES:
                self._fail(4413, f"Authenticate within {MAX_UNAUTHENTICATED_BYTES} bytes.")
                return
            self._unauthenticated_bytes += len(data)
        for passed in self._limiter.feed(data):
            if self.disconnected or self.conn.parser_exc is not None:
                break
            if isinstance(passed, Dropped):
                self._refuse_message(passed)
            else:
                super().data_received(passed)  # type: ignore[arg-type]

    def _refuse_message(self, dropped: Dropped) -> None:
        """Queue the refusal of a dropped message, and forget the fragments of it that came before."""
        text = dropped.text()
        if dropped.has_parsed:
            text = b"".join(self.frames)[:HEAD_BYTES].decode(errors="replace")
            self.frames, self._discards_message = [], True
        if not self.close_sent:
            message = {"type": "websocket.receive", "text": text, REFUSED: dropped.refused}
            self.queue.put_nowait(cast("ASGIReceiveEvent", message))

    def abort(self) -> None:
        """Implement `Writer.abort`: reset the connection."""
        reset(self.transport)

    def resume_writing(self) -> None:
        """Call the viewer's `on_drain`: the transport's write buffer has room again."""
        super().resume_writing()
        if self._on_drain is not None:
            self._on_drain()

    def receive(self) -> Coroutine[Any, Any, ASGIReceiveEvent]:
        """Return a coroutine that waits for the next message.

        Not a coroutine itself: its frame would be kept for as long as the connection waits.
        """
        return super().receive() if self._unauthenticated_bytes is None else self._receive_unauthenticated()

    async def _receive_unauthenticated(self) -> ASGIReceiveEvent:
        """Return the next message, and resume reading before it comes, not after.

        uvicorn resumes when a message is taken from the queue. Here, what follows the handshake or a hello stays unread
        until the application has checked it: once the client is authenticated, it may be larger.
        """
        if self.queue.empty():
            self._resume_reading()
        return await self.queue.get()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; a close does not wait for a client that does not read."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake's headers are not used again. They are cleared, not released: the parser's generator refers
            # to the request as well.
            self.request.headers.clear()
            self.response.headers.clear()
        elif message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # uvicorn forgets it, and would log each refused handshake as a fault of the application.
            self.handshake_complete = True

    def handle_connect(self, event: Request) -> None:
        """Start the application for a handshake, and pause reading; see `_receive_unauthenticated`."""
        super().handle_connect(event)
        if not self.transport.is_closing():
            self.read_paused = True
            self.transport.pause_reading()

    def handle_parser_exception(self) -> None:
        """Close the connection after a protocol error, and be disconnected for the application from now on.

        What it still sends then raises `ClientDisconnected`. uvicorn alone would raise a `RuntimeError`, and log it as
        a fault of the application.
        """
        super().handle_parser_exception()
        self.disconnected = True

    def keepalive_timeout(self) -> None:
        """End the connection of a client that sent no pong, unless its pong waits in the socket."""
        if self.transport.get_write_buffer_size():
            # The ping is behind a large event. A client that does not read is not our concern, but its viewer's.
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
        else:
            self.pong_timer = _CLOCK.after_reading(super().keepalive_timeout)  # type: ignore[assignment]

    def handle_ping(self) -> None:
        """Send the pong (RFC 6455, 5.5.2), or abort if the client reads nothing while it pings.

        A client that takes its time with a large event may ping meanwhile: the pongs come behind that event.
        """
        if self.transport.get_write_buffer_size() <= MAX_UNSENT_BYTES:
            self._unsent_pongs = 0
        elif (unsent_pongs := self._unsent_pongs + 1) > MAX_UNSENT_PONGS:
            self.transport.abort()
            return
        else:
            self._unsent_pongs = unsent_pongs
        super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to its message; close with 4413 if there are too many."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self._fail(4413, f"A message may have at most {MAX_FRAGMENTS} fragments.")

    def send_receive_event_to_app(self) -> None:
        """Queue a complete message; close with 1007 if it is text that is not UTF-8 (RFC 6455, 8.1)."""
        if self._discards_message:
            self.frames, self._discards_message = [], False
            return
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                # uvicorn would log it with a traceback: a client could fill the log.
                self.frames = []
                self._fail(1007, "not UTF-8")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str) -> None:
        """Send a close frame and close at once, without reading on (RFC 6455, 7.1.7: fail the connection)."""
        # The client may have sent its close frame in the same read: then the parser has already responded to it.
        if self.conn.close_sent is None:
            self.conn.send_close(code, reason)
        self.handle_parser_exception()

    def _resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
