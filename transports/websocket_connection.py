"""One client's WebSocket: it reads commands, writes events as they come, and closes with a code that says why."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import anyio
import orjson
from starlette.types import Message, Receive, Send
from starlette.websockets import WebSocket

from gateway.admission.prompts import PromptReservation
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.asgi import REFUSED, Writer, direct_writer, message_reader
from gateway.clock import RestartableTimer
from gateway.generation.event_log import Entry
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.events import Accepted
from transports.handshake import HELLO_BYTES, HELLO_SECONDS, SocketIdentity
from transports.messages import ACCEPTED_HEAD, HEAD
from transports.stoppable_wait import StoppableWait
from transports.viewer import Viewer
from transports.websocket_commands import Close, WebSocketCommands
from transports.writer import sending

CLOSE_SECONDS: Final = 5.0
"""How long to try to send a close frame to a client that does not read."""

DRAIN_SECONDS: Final = 0.25
"""How long to go on executing what a client has sent that is no longer a viewer, until it sends nothing more."""

MAX_UNREAD_REPLIES: Final = 64
"""Replies that are written to a client that does not read, before its next command has to wait for it."""


SHORT: Final = 126
"""Length from which a frame says that of its message in more than one byte (RFC 6455, 5.2)."""

NOT_READING: Final = Close(1013, "This client does not read: reconnect and attach by position.")
DEPARTING: Final = Close(1012, "The gateway is restarting: reconnect and attach by position.")

T = TypeVar("T")


class Commands(Protocol):
    """Executes the messages of one client."""

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one message, which `text` None says was binary; return why the socket must be closed."""
        ...

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a message that was not kept and begins with `head`; return why the socket must be closed."""
        ...

    @property
    def are_done(self) -> bool:
        """Return True if nothing that the messages have begun is left to be waited for."""
        ...

    async def finish(self) -> None:
        """Wait for what the messages have begun."""
        ...

    def close(self) -> None:
        """Release what the messages have taken."""
        ...


class WebSocketConnection:
    """One socket. Its task reads commands; events are written in the call stack that appends to a log."""

    transport = "websocket"

    resumes = True
    """Its client comes back by itself, by position: it is sent to another gateway when this one drains."""

    __slots__ = (
        *(
            "_commands",
            "_direct_writer",
            "_departs",
            "_identity",
            "_is_stopped",
            "_is_viewing",
            "_receive",
            "_replies",
            "_reservation",
            "_send",
        ),
        *("_services", "_unread_replies", "_viewer", "_waits", "_writer", "framing", "write"),
    )

    def __init__(self, services: Services, websocket: WebSocket, identity: SocketIdentity) -> None:
        self.framing = "websocket"
        self._services = services
        self._identity = identity
        self._direct_writer = direct_writer(websocket.scope)
        self._is_stopped = self._departs = False
        self._waits: list[StoppableWait] = []
        """Waits for the client. They end when it is no longer a viewer; that of a command never does."""
        self._replies = True
        """False once the client is gone: what it has sent is executed all the same."""
        self._unread_replies = 0
        self._is_viewing = False
        self._reservation: PromptReservation | None = None
        self._viewer = Viewer(services, self, self._stop)
        self._commands = self._new_commands(websocket)
        self._writer: Writer
        self.write: Callable[[Sequence[bytes]], bool]
        self._receive: Receive
        self._send: Send

    def _new_commands(self, websocket: WebSocket) -> "Commands":
        stream = enter_stream(self._services, websocket)
        return WebSocketCommands(self._services, websocket, self._identity, self._viewer, stream, self._send_json)

    async def serve(self, receive: Receive, send: Send) -> None:
        """Execute commands and write events until the client is gone, or does not read."""
        self._receive, self._send = receive, send
        departures = self._services.hub.departures
        if self.resumes:
            departures.add(self._depart)
        try:
            if self._identity.principal is not None or await self._wait_for_hello():
                await self._serve()
        finally:
            departures.remove(self._depart)
            if self._reservation is not None:
                self._reservation.release()
            self._commands.close()
            self._viewer.close()
            # The viewer holds this object as its connection, the commands hold its method: reference cycles.
            del self._viewer, self._commands

    async def _wait_for_hello(self) -> bool:
        """Accept nothing but a hello; close the socket and return False if no valid one comes in time."""
        waiting = anyio.CancelScope()
        deadline = RestartableTimer(self._services.clock)
        deadline.start_limit(HELLO_SECONDS, waiting.cancel)
        try:
            with waiting:
                while self._identity.principal is None:
                    if not await self._read_command(self._max_hello_bytes()):
                        return False
        finally:
            deadline.cancel()
        if self._identity.principal is None:
            await self._close(Close(4408, f"No {self._hello_name()} came within {HELLO_SECONDS:g} seconds."))
        return self._identity.principal is not None

    def _max_hello_bytes(self) -> int:
        """Return the maximum bytes of a message from a client that is not identified yet."""
        return HELLO_BYTES

    def _hello_name(self) -> str:
        """Return what identifies a client, as close reasons call it."""
        return "hello"

    async def _serve(self) -> None:
        if self._direct_writer is not None:
            await self._view(self._direct_writer)
        else:
            async with sending(self._send_messages) as writer:
                await self._view(writer)
        if self._viewer.failure is not None:
            raise self._viewer.failure
        if self._is_stopped:
            # No longer a viewer, however long closing takes.
            self._viewer.close()
            self._replies = self._departs
            await self._execute_rest()
        await self._commands.finish()
        if self._is_stopped:
            with anyio.move_on_after(CLOSE_SECONDS):
                await self._close(DEPARTING if self._departs else NOT_READING)

    def _stop(self) -> None:
        """Wait no longer for the client: it is gone, or does not read, or is to connect to another gateway."""
        self._is_stopped = True
        for wait in self._waits:
            wait.stop()

    def _depart(self) -> None:
        self._departs = True
        self._stop()

    async def _until_stopped(self, awaitable: Awaitable[T]) -> T | None:
        """Wait for the client; return None if it is no longer waited for."""
        if self._is_stopped:
            with anyio.move_on_after(CLOSE_SECONDS):
                return await awaitable
            return None
        wait = StoppableWait()
        self._waits.append(wait)
        try:
            with wait:
                return await awaitable
        finally:
            self._waits.remove(wait)
        return None

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return an entry as a message: its JSON with the generation's id and the sequence number added in front."""
        # As `message_head`, without a call for each chunk.
        _, last, kind, data, _, _, _ = entry
        head = ACCEPTED_HEAD % last if kind is Accepted else HEAD % (generation_id.encode(), last)
        rest = data[1:]
        length = len(head) + len(rest)
        if length < SHORT and self._writer.raw:
            # As `text_frame`, too: a token's message is short.
            return b"\x81%c%b%b" % (length, head, rest)
        message = head + rest
        return text_frame(message) if self._writer.raw else message

    def unsent_bytes(self) -> int:
        """Return how much of what was written the client has not taken."""
        return self._writer.unsent_bytes()

    def send_heartbeat(self) -> bool:
        """Do nothing: the server's own pings (RFC 6455, 5.5.2) show that the connection is alive."""
        return True

    async def _view(self, writer: Writer) -> None:
        self._writer, self.write = writer, writer.write
        if not writer.raw and self.framing:
            # Frames of the two kinds of writers differ: viewers must not share them.
            self.framing = "websocket message"
        if (principal := self._identity.principal) is not None and (reader := message_reader(writer)) is not None:
            self._reservation = self._services.hub.prompts.reserve(principal.id, principal.address)
            reader.limit_messages(self._services.max_body_bytes, self._reservation)
        writer.bind(self._viewer.resume, self._leave if writer.raw else self._viewer.stop)
        self._viewer.begin()
        self._is_viewing = True
        wait = StoppableWait()
        self._waits.append(wait)
        while not self._is_stopped:
            # As `_read_command`, without its frame and the last message: a client may be silent for long.
            message: Message | None = None
            with wait:
                message = await self._receive()
            if not await self._execute(message, self._services.max_body_bytes):
                return

    def _leave(self) -> None:
        """Detach from everything at once, unless a command that came before may still do so: it says more than that.

        The task, which reads the disconnect too, does the rest.
        """
        if self._commands.are_done:
            self._viewer.close()

    async def _execute_rest(self) -> None:
        """Execute what a client that is no longer read had sent before: it may be what stops its generations."""
        left, goes_on = DRAIN_SECONDS, True
        while goes_on:
            began, message = anyio.current_time(), None
            with anyio.move_on_after(left):
                message = await self._receive()
            # Only the time in which nothing comes counts: a command may wait for another gateway.
            left -= anyio.current_time() - began
            goes_on = await self._execute(message, self._services.max_body_bytes)

    async def _read_command(self, max_bytes: int) -> bool:
        """Read a message and execute it; return False if no more can be read."""
        return await self._execute(await self._until_stopped(self._receive()), max_bytes)

    async def _execute(self, message: Message | None, max_bytes: int) -> bool:
        """Execute a message; return False if there is none, the client is gone, or the socket is closed."""
        if message is None or message["type"] == "websocket.disconnect":
            return False
        read_at = self._services.clock.now()
        text, refused = message.get("text"), message.get(REFUSED)
        # A character has one to four bytes: most texts need no encoding to decide.
        if refused is None and text is not None and 4 * len(text) > max_bytes and len(text.encode()) > max_bytes:
            refused = invalid(f"The message is larger than {max_bytes} bytes.", status=413)
        if refused is None:
            close = await self._commands.handle(text, read_at)
        elif self._identity.principal is None:
            close = Close(4413, f"A {self._hello_name()} has at most {max_bytes} bytes.")
        else:
            close = await self._commands.reject(refused, text or "", read_at)
        if close is not None:
            await self._close(close)
        return close is None

    async def _send_messages(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            await self._send({"type": "websocket.send", "text": message.decode()})

    async def _send_json(self, message: dict[str, object]) -> None:
        """Send a reply.

        Some are written to a client that does not read without waiting for it: its next command may be a stop.
        """
        if not self._replies:
            return
        data = orjson.dumps(message)
        if self._is_viewing and self._writer.raw and self._unread_replies < MAX_UNREAD_REPLIES:
            self._unread_replies = 0 if self.write((text_frame(data),)) else self._unread_replies + 1
            return
        # `send` raises an OSError when the client is gone (ASGI, WebSocket, "Send"). What it sent before is executed.
        with suppress(OSError):
            await self._until_stopped(self._send({"type": "websocket.send", "text": data.decode()}))

    async def _close(self, close: Close) -> None:
        with suppress(OSError):
            await self._send({"type": "websocket.close", "code": close.code, "reason": close.reason})


def text_frame(message: bytes) -> bytes:
    """Return the frame of a text message as a server sends it: complete, unmasked, uncompressed (RFC 6455, 5.2)."""
    length = len(message)
    if length < SHORT:
        return b"\x81%c%b" % (length, message)
    if length < 1 << 16:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), message)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), message)
