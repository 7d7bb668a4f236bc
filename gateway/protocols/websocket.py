"""WebSocket: uvicorn's protocol, with bounded answers to pings, and a way for frames past its queue."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from gateway.protocols.lean import Flag, Mailbox
from gateway.reset import reset
from transports.writer import EXTENSION

PONG_BYTES = 64 * 1024
"""What may wait in the socket of a client that sends pings and does not read the answers."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with bounded answers to pings, and without a traceback for text that is not UTF-8."""

    # See `HttpProtocol`.
    __slots__ = (
        *("_resume", "close_sent", "close_timeout", "close_timer", "curr_msg_data_type", "frames", "initial_response"),
        *("last_ping_rtt", "pending_ping_payload", "ping_sent_at", "pong_timer", "read_paused", "request", "response"),
        "scope",
    )

    raw = True
    frames: list[bytes | bytearray]  # type: ignore[assignment]
    curr_msg_data_type: Literal["text", "bytes"]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._resume: Callable[[], None] | None = None
        self.queue, self.writable = Mailbox(), Flag()
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        """Read, and refuse a handshake that can't be read, such as one with a body: it would be kept without an end."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            said = b"The WebSocket's handshake can't be read."
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(said), said)
            )
            self.transport.close()

    async def run_asgi(self) -> None:
        """Run the application, with the writer lent to it."""
        self.scope["extensions"] = {EXTENSION: self, **(self.scope["extensions"] or {})}  # type: ignore[dict-item]
        await super().run_asgi()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write whole frames; see `transports.writer.Writer`."""
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return self.writable.is_set()

    def listen(self, resume: Callable[[], None], lost: Callable[[], None]) -> None:
        """Have a viewer called when there is room; of its end, `receive` tells. See `transports.writer.Writer`."""
        self._resume = resume

    def connection_lost(self, exc: Exception | None) -> None:
        """End it, and let go of what holds this: the viewer, and the parser, which would wait for more."""
        super().connection_lost(exc)
        self._resume = None
        self.conn.parser.close()

    def cut(self) -> None:
        """Reset the connection; see `transports.writer.Writer`."""
        reset(self.transport)

    def resume_writing(self) -> None:
        """Tell that there is room again."""
        super().resume_writing()
        if self._resume is not None:
            self._resume()

    async def send(self, message: ASGISendEvent) -> None:
        """Send, and let a close not wait behind what the client does not read."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over. What it said is dropped from the request itself: the parser's frame holds it too.
            self.request.headers.clear()
            self.response.headers.clear()

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to those before it: one by one, they would take forty bytes for each that was sent."""
        if not isinstance(self.frames[0], bytearray):
            self.frames = [bytearray(self.frames[0])]
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer, unless the answers are not read."""
        if self.transport.get_write_buffer_size() > PONG_BYTES:
            self.transport.abort()
            return
        super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; close with 1007 (RFC 6455, 8.1) if it is text that can't be read."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
