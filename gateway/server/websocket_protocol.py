"""WebSocket: uvicorn's protocol, with limits on pings, fragments and unauthenticated clients, and a direct writer."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, cast
from urllib.parse import unquote

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent, HTTPScope, WebSocketAcceptEvent, WebSocketScope
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN, Protocol

from gateway.admission.connections import Connection
from gateway.admission.prompts import PromptReservation
from gateway.asgi import REFUSED, WRITER_EXTENSION
from gateway.clock import SystemClock
from gateway.net.tcp import reset
from gateway.server.lightweight import SingleReaderQueue, SingleWaiterEvent
from gateway.server.message_limiter import HEAD_BYTES, Dropped, MessageLimiter
from gateway.server.usual_handshake import HANDSHAKE_HEADERS, accept_value, accepting_response

_CLOCK = SystemClock()

MAX_UNSENT_BYTES = 64 * 1024
"""Bytes in the write buffer above which pongs are counted: the client pings, and may not read the pongs."""

MAX_UNSENT_PONGS = 512
"""Maximum number of pongs behind that: a pong has at most 127 bytes (RFC 6455, 5.5)."""

MAX_UNAUTHENTICATED_BYTES = 64 * 1024
"""Bytes after which no more is read of a client that has not authenticated yet (no viewer is bound)."""

READ_BYTES = 64 * 1024
"""Bytes of one read of what a connection that broke has left."""

_NO_PARSER: Final[Generator[None]] = (None for _ in ())
_EMPTY_REQUEST: Final = b"GET / HTTP/1.1\r\n\r\n"

MAX_FRAGMENTS = 4096
"""Maximum number of fragments of one message: each takes memory, even an empty one (RFC 6455, 5.4, has no limit)."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket with limits on messages, pings and unauthenticated clients; text that is not UTF-8 logs no traceback.

    Its direct writer bypasses uvicorn's `send`: it gets whole, encoded frames.
    """

    # For the reason given in `HttpProtocol`.
    __slots__ = (
        "_accept_value",
        "_accepts_more",
        "_discards_message",
        "_limiter",
        "_on_disconnect",
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
        "response",
        "scope",
    )

    raw = True
    queue: SingleReaderQueue
    curr_msg_data_type: Literal["text", "bytes"]

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.connection_slot: Connection | None = None
        """Slot of the connection among all that are counted; `HttpProtocol` passes it on."""
        self._unauthenticated_bytes: int | None = 0
        """Bytes read before a viewer was bound, or a reservation counts them; None from then on."""
        self._on_drain: Callable[[], None] | None = None
        self._on_disconnect: Callable[[], None] | None = None
        self._unsent_pongs = 0
        """Pongs written since the write buffer was last found small."""
        self._limiter = MessageLimiter(config.ws_max_size)
        self._discards_message = False
        """The message whose fragments come is dropped, and rejected already."""
        self.queue, self.writable = SingleReaderQueue(), SingleWaiterEvent()
        self.writable.set()
        self._accepts_more = True
        """The write buffer has room; `writable` is also set where a close waits for none."""

    def begin(self, transport: asyncio.Transport, request: HTTPScope, url: bytes) -> None:
        """Continue a connection after a request to upgrade, which `HttpProtocol` has parsed.

        uvicorn would encode it, for the library to parse it again.
        """
        # The request has both addresses, which uvicorn would keep with the connection for lines that are not logged.
        self.transport = transport
        self.connections.add(self)
        self.handshake_initiated = True
        headers = request["headers"]
        self._accept_value = accept_value(request["method"], headers)
        if self._accept_value is None and not self._is_accepted(request, url):
            self._reject()
            return
        # See `receive`.
        self.read_paused = True
        self.transport.pause_reading()
        self.scope = _scope_of(
            request, url, [value.decode("latin-1") for name, value in headers if name == b"sec-websocket-protocol"]
        )
        # This protocol is the direct writer of the application.
        self.scope["extensions"] = {WRITER_EXTENSION: self, "websocket.http.response": {}}  # type: ignore[dict-item]
        self.queue.put_nowait({"type": "websocket.connect"})
        # Not uvicorn's `run_asgi`: its frame would be kept for as long as the socket.
        task = self.loop.create_task(self.app(self.scope, self.receive, self.send))
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Log how the application failed, and close, as uvicorn's `run_asgi` does."""
        super().on_task_complete(task)
        error: BaseException | None
        try:
            error = task.exception()
        except asyncio.CancelledError as cancelled:
            error = cancelled
        if error is None and not self.handshake_complete:
            self.logger.error("ASGI callable returned without completing handshake.")
            self.send_500_response()
        elif error is not None and not isinstance(error, ClientDisconnected):
            self.logger.error("Exception in ASGI application\n", exc_info=error)
            self.send_500_response()
        if self.close_timer is None:
            self.transport.close()

    def _is_accepted(self, request: HTTPScope, url: bytes) -> bool:
        """Return True if the library finds a handshake valid.

        It waits for a request: it gets an empty one, and the headers of the handshake in `accept`.
        """
        self.conn.receive_data(_EMPTY_REQUEST)
        self.conn.events_received()
        # Latin-1 keeps every byte (websockets, `Headers`).
        read = Headers(
            [
                (name.decode(), value.decode("latin-1"))
                for name, value in request["headers"]
                if name in HANDSHAKE_HEADERS
            ]
        )
        self.response = self.conn.accept(Request(url.decode("ascii"), read, request["method"]))
        return self.response.status_code == 101

    def _reject(self) -> None:
        """Send the response to a handshake that is not valid, and close."""
        self.handshake_complete = self.close_sent = True
        self.conn.send_response(self.response)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def write(self, frames: Sequence[bytes]) -> bool:
        """Implement `Writer.write`: write whole WebSocket frames."""
        # No data frame may precede the handshake's response, or follow a close frame (RFC 6455, 5.5.1).
        if self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return self._accepts_more

    def unsent_bytes(self) -> int:
        """Implement `Writer.unsent_bytes`."""
        return self.transport.get_write_buffer_size()

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Implement `Writer.bind`.

        `receive` returns the disconnect in any case. `on_disconnect` is called before, unless messages wait: those are
        executed first.

        A viewer is bound once its client is authenticated: from here on messages may have their full size.
        """
        self._on_drain, self._on_disconnect = on_drain, on_disconnect
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
        self._report_disconnect()
        super().connection_lost(exc)
        if self.connection_slot is not None:
            self.connection_slot.release()
        self._on_drain = self._on_disconnect = None
        self.conn.parser.close()

    def eof_received(self) -> None:
        """Report that the client is gone: the transport closes the connection now."""
        self._report_disconnect()

    def handle_close(self, event: Frame) -> None:
        """Report that the client is gone, and answer its close frame."""
        self._report_disconnect()
        super().handle_close(event)

    def _report_disconnect(self) -> None:
        """Call `on_disconnect` if the application has taken all messages, and waits for the next one."""
        if self._on_disconnect is not None and self.queue.is_awaited:
            self._on_disconnect()

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

        A client that sends frames before it has the response, which it must wait for (RFC 6455, 4.1), is disconnected.
        """
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
        text = self._limiter.whole_text(data)
        if text is not None and not (self.close_sent or self.transport.is_closing()):
            # The library, which is between two messages, would return the same frame.
            self.curr_msg_data_type, self.frames = "text", [text]
            self.send_receive_event_to_app()
            return
        for passed in self._limiter.feed(data):
            if self.disconnected or self.conn.parser_exc is not None or self.conn.close_rcvd is not None:
                break
            if isinstance(passed, Dropped):
                self._refuse_message(passed)
            else:
                self._parse(passed)

    def _parse(self, frames: bytes | bytearray) -> None:
        """Pass whole frames to the library.

        Its parser, a suspended generator, has no state between them, so a connection keeps none: most of what follows
        the handshake needs no parser.
        """
        self.conn.parser = Protocol.parse(self.conn)
        next(self.conn.parser)
        super().data_received(frames)  # type: ignore[arg-type]
        self._release_parser()

    def _release_parser(self) -> None:
        self.conn.parser.close()
        self.conn.parser = _NO_PARSER

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

    def pause_writing(self) -> None:
        """Handle that the transport's write buffer is full."""
        self._accepts_more = False
        super().pause_writing()

    def resume_writing(self) -> None:
        """Call the viewer's `on_drain`: the transport's write buffer has room again."""
        self._accepts_more = True
        super().resume_writing()
        if self._on_drain is not None:
            self._on_drain()

    def receive(self) -> Coroutine[Any, Any, ASGIReceiveEvent]:
        """Return a coroutine that waits for the next message: the queue's own, without a frame around it.

        Reading, which was paused for a message, resumes when the last one is taken from the queue. Before a client is
        authenticated it resumes for the next message, not after it: what follows the handshake or a hello stays unread
        until the application has checked it, and may be larger then.
        """
        if self._unauthenticated_bytes is None:
            return self.queue.get(self._resume_reading)
        if self.queue.empty():
            self._resume_reading()
        return self.queue.get()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message; a close does not wait for a client that does not read."""
        if message["type"] == "websocket.close":
            self.writable.set()
        if message["type"] == "websocket.accept" and not (self.disconnected or self.handshake_complete):
            self._accept(message)
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # uvicorn forgets it, and would log each refused handshake as a fault of the application.
            self.handshake_complete = True

    def _accept(self, message: WebSocketAcceptEvent) -> None:
        """Send the response that opens the socket.

        uvicorn would also format two addresses for a log line that is not written.
        """
        accept, headers = self._accept_value, (*self.default_headers, *message.get("headers", ()))
        if not self.transport.is_closing():
            self.handshake_complete = True
            if accept is None:
                self.transport.write(self._response_of_library(headers, message.get("subprotocol")))
            else:
                self.conn.state = OPEN
                self.transport.write(accepting_response(accept, headers, message.get("subprotocol")))
            self._release_parser()
            self.start_keepalive()

    def _response_of_library(self, headers: Iterable[tuple[bytes, bytes]], subprotocol: str | None) -> bytes:
        response = self.response.headers
        # The server's own date is among the default headers.
        del response["Date"]
        for name, value in headers:
            response[name.decode("latin-1").lower()] = value.decode("latin-1")
        if subprotocol:
            response["Sec-WebSocket-Protocol"] = subprotocol
        self.conn.send_response(self.response)
        # It is not used again.
        del self.response
        return b"".join(self.conn.data_to_send())

    def handle_parser_exception(self) -> None:
        """Close the connection after a protocol error, and be disconnected for the application from now on.

        What it still sends then raises `ClientDisconnected`. uvicorn alone would raise a `RuntimeError`, and log it as
        a fault of the application.
        """
        super().handle_parser_exception()
        self.disconnected = True

    def schedule_ping(self) -> None:
        """Ping the client after its interval. uvicorn would use a timer of the event loop."""
        delay = max(0.0, (self.ping_interval or 0.0) - self.last_ping_rtt)
        self.ping_timer = _CLOCK.call_later(delay, self.send_keepalive_ping)  # type: ignore[assignment]

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

    def handle_text(self, event: Frame) -> None:
        """Keep a message; the parser, which keeps its last frame, must not keep it, too: it may be a large prompt."""
        super().handle_text(event)
        event.data = b""

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to its message; close with 4413 if there are too many."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self._fail(4413, f"A message may have at most {MAX_FRAGMENTS} fragments.")

    def send_receive_event_to_app(self) -> None:
        """Queue a complete message; close with 1007 if it is text that is not UTF-8 (RFC 6455, 8.1)."""
        frames, self.frames = self.frames, []
        if self._discards_message or self.close_sent:
            self._discards_message = False
            return
        data = bytes(frames[0]) if len(frames) == 1 else b"".join(frames)
        if self.curr_msg_data_type == "bytes":
            self._deliver({"type": "websocket.receive", "bytes": data})
            return
        try:
            self._deliver({"type": "websocket.receive", "text": data.decode()})
        except UnicodeDecodeError:
            # uvicorn would log it with a traceback: a client could fill the log.
            self._fail(1007, "not UTF-8")

    def _deliver(self, message: dict[str, object]) -> None:
        """Queue a message, and pause reading until it is taken.

        There is no pause for a message that is awaited: each would cost the loop two changes of what it polls.
        """
        is_awaited = self.queue.is_awaited and self._unauthenticated_bytes is None
        self.queue.put_nowait(cast("ASGIReceiveEvent", message))
        if not is_awaited and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

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


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return True if a request has a body, by its headers (RFC 9112, 6.3)."""
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" \t0")):
            return True
    return False


def _scope_of(request: HTTPScope, url: bytes, subprotocols: Sequence[str]) -> WebSocketScope:
    """Return the scope of a socket (ASGI, "WebSocket Connection Scope") for the request that opens it."""
    raw_path, _, query_string = url.partition(b"?")
    path, root_path = raw_path.decode("ascii"), request["root_path"]
    return {
        "type": "websocket",
        "asgi": {"version": request["asgi"]["version"], "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss" if request["scheme"] == "https" else "ws",
        "server": request["server"],
        "client": request["client"],
        "root_path": root_path,
        "path": root_path + (unquote(path) if "%" in path else path),
        "raw_path": root_path.encode("ascii") + raw_path,
        "query_string": query_string,
        "headers": request["headers"],
        "subprotocols": [token.strip() for value in subprotocols for token in value.split(",")],
        "state": request["state"],
    }
