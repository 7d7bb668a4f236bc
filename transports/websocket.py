"""WebSocket: events out and commands in on one socket, for many generations at once."""

from collections.abc import Callable, Sequence
from typing import cast

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Send
from starlette.websockets import WebSocket

from gateway.api.requests import parse_json, request_id
from gateway.api.responses import refusal_response
from gateway.api.services import Services
from gateway.api.streams import claim_stream, enter_stream
from gateway.asgi import Writer, defer, direct_writer
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import (
    COMMANDS,
    MAX_ID_LENGTH,
    AttachCommand,
    Command,
    DetachCommand,
    FeedbackCommand,
    HelloCommand,
    InterruptCommand,
    PingCommand,
    StartCommand,
    parse,
)
from gateway.protocol.errors import CODES, Refused, invalid
from gateway.protocol.events import Accepted
from gateway.protocol.position import parse_position_of
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.handshake import HELLO_BYTES, HELLO_SECONDS, SocketIdentity, close_reason, shake_hands
from transports.viewer import Viewer
from transports.writer import sending

CLOSE_SECONDS = 5.0
"""How long to try to tell a client that does not read why it is cut off."""

UNREADABLE_IN_A_ROW = 10
"""After so many messages that are no command at all, the other end does not speak our protocol."""


class WebSocketTransport:
    """`/api/ws`."""

    name = "websocket"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Give the route by which clients come."""

        async def serve(websocket: WebSocket) -> None:
            known = await shake_hands(services, websocket)
            if known is not None and await _has_room(services, websocket, known):
                serve = _Socket(services, websocket, known).serve
                await defer(websocket.scope, websocket.receive, websocket.send, serve)

        return [WebSocketRoute("/api/ws", serve), Route("/api/ws", _explain, methods=["GET"])]


async def _has_room(services: Services, websocket: WebSocket, known: SocketIdentity) -> bool:
    """Count a socket among the streams, or close it."""
    try:
        claim_stream(services, enter_stream(services, websocket), known.principal)
    except Refused as refused:
        await websocket.close(CODES[refused.code].close_code, close_reason(refused))
        return False
    return True


async def _explain(request: Request) -> Response:
    message = "This is a WebSocket: connect with a WebSocket client."
    response = refusal_response(invalid(message, param="Upgrade", status=426), request)
    # What to upgrade to (RFC 9110, 15.5.22), and that this is of the connection (7.8).
    response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response


class _Socket:
    """One client: its commands are read here; its events are written as they come."""

    __slots__ = (
        *(
            "_closed",
            "_known",
            "_direct_writer",
            "_reading",
            "_receive",
            "_request_id",
            "_send",
            "_services",
            "_stream",
        ),
        *("_unreadable", "_viewer", "_writer", "framing", "write"),
    )

    def __init__(self, services: Services, websocket: WebSocket, known: SocketIdentity) -> None:
        self.framing = "websocket"
        self._services = services
        self._known = known
        # One request starts one generation; a socket, any number of them.
        self._request_id = request_id(websocket) if "x-request-id" in websocket.headers else None
        self._stream = enter_stream(services, websocket)
        self._direct_writer = direct_writer(websocket.scope)
        self._reading = anyio.CancelScope()
        self._viewer = Viewer(services, self, self._reading.cancel)
        self._writer: Writer
        self.write: Callable[[Sequence[bytes]], bool]
        self._unreadable = 0
        self._closed = False
        self._receive: Receive
        self._send: Send

    async def serve(self, receive: Receive, send: Send) -> None:
        """Carry out commands until the client is gone, or does not read."""
        self._receive, self._send = receive, send
        try:
            if self._known.principal is not None or await self._wait_for_hello():
                await self._serve()
        except OSError:
            # `send` raises one when the client is gone (ASGI, "WebSocket", send event).
            pass
        finally:
            self._services.commands.forget(self._name)
            self._viewer.close()
            # It holds this as its outlet: together they would be a circle, which nobody would free soon.
            del self._viewer

    async def _wait_for_hello(self) -> bool:
        """Take nothing but a hello; tell whether it came in time and was good, else close."""
        waiting = anyio.CancelScope()
        deadline = self._services.clock.call_later(HELLO_SECONDS, waiting.cancel)
        try:
            with waiting:
                while self._known.principal is None:
                    message = await self._receive()
                    if message["type"] == "websocket.disconnect":
                        return False
                    text = message.get("text")
                    if text is not None and _utf8_longer_than(text, HELLO_BYTES):
                        await self._close(4413, f"A hello has at most {HELLO_BYTES} bytes.")
                        return False
                    await self._take(text, self._services.clock.now())
                    if self._closed or await self._gives_up():
                        return False
        finally:
            deadline.cancel()
        if self._known.principal is None:
            await self._close(4408, f"No hello came within {HELLO_SECONDS:g} seconds.")
        return self._known.principal is not None

    async def _serve(self) -> None:
        if self._direct_writer is not None:
            await self._view(self._direct_writer)
        else:
            async with sending(self._send_messages) as writer:
                await self._view(writer)
        if self._viewer.failure is not None:
            raise self._viewer.failure
        if self._reading.cancelled_caught:
            # It is a viewer no more, however long the rest takes.
            self._viewer.close()
            with anyio.move_on_after(CLOSE_SECONDS):
                await self._close(1013, "What was sent is not read: come back and attach by position.")

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Add what tells the generations of a socket apart to the event's JSON."""
        if entry.kind is Accepted:
            message = b'{"seq":%d,%b' % (entry.last, entry.data[1:])
        else:
            message = b'{"generation_id":"%b","seq":%d,%b' % (generation_id.encode(), entry.last, entry.data[1:])
        return text_frame(message) if self._writer.raw else message

    def send_heartbeat(self) -> bool:
        """Do nothing: the server's own pings show that the connection is alive."""
        return True

    async def _view(self, writer: Writer) -> None:
        self._writer, self.write = writer, writer.write
        if not writer.raw:
            self.framing = "websocket message"
        writer.bind(self._viewer.resume, self._viewer.stop)
        self._viewer.begin()
        with self._reading:
            await self._read_commands()

    async def _send_messages(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            await self._send({"type": "websocket.send", "text": message.decode()})

    async def _close(self, code: int, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _read_commands(self) -> None:
        while True:
            message = await self._receive()
            read_at = self._services.clock.now()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is not None and _utf8_longer_than(text, self._services.max_body_bytes):
                await self._close(4413, f"A message is larger than {self._services.max_body_bytes} bytes.")
                return
            await self._take(text, read_at)
            if await self._gives_up():
                return

    async def _gives_up(self) -> bool:
        """Close what only sends what is no command, or what goes on to send too much; tell whether it did."""
        if self._unreadable >= UNREADABLE_IN_A_ROW:
            await self._close(4400, "These are no commands; see docs/protocol.md.")
        elif self._services.commands.is_flooded(self._name, self._address, self._services.clock.now()):
            await self._close(4429, "Too many commands came, and went on to come: slow down.")
        else:
            return False
        return True

    async def _take(self, text: str | None, read_at: float) -> None:
        command_id: object = None
        generation_id: object = None
        too_many = self._services.commands.count_message(self._name, self._address, read_at)
        try:
            if text is None:
                message = "The message is binary: send commands as text."
                raise invalid(message)
            value = parse_json(text, "The message")
            if isinstance(value, dict):
                command_id, generation_id = value.get("id"), value.get("generation_id")
            command = _command(value)
            self._unreadable = 0
            stops = self._stops(command)
            if too_many is not None and not stops:
                raise too_many
            await self._carry_out(command, read_at)
            if stops:
                # Each generation can be stopped once: that is no flood, and is to be heard in one.
                self._services.commands.refund_message(self._name, self._address, read_at)
        except Refused as refused:
            if command_id is None and generation_id is None:
                self._unreadable += 1
            await self._say(
                {
                    "type": "rejected",
                    "id": command_id if isinstance(command_id, int) or _is_short(command_id) else None,
                    "generation_id": generation_id if _is_short(generation_id) else None,
                    **cast("dict[str, object]", refused.body()["error"]),
                }
            )

    async def _carry_out(self, command: Command, read_at: float) -> None:
        if isinstance(command, HelloCommand):
            await self._hello(command)
            return
        # A socket may outlive its key. What it views runs on, as a stream over HTTP does.
        asking = self._known.renew()
        if asking is None:
            raise missing_credential()
        hub = self._services.hub
        match command:
            case PingCommand():
                await self._say({"type": "pong", "id": command.id})
            case StartCommand():
                await self._start(command, asking)
            case AttachCommand():
                await self._attach(command, asking)
            case DetachCommand():
                generation = hub.find(command.generation_id, asking)
                if not self._viewer.detach(generation.id):
                    raise invalid(f"generation_id: {generation.id} is not attached to this socket")
                await self._ack(command, generation)
            case InterruptCommand():
                generation = hub.interrupt(command.generation_id, command, read_at, asking)
                await self._ack(command, generation)
            case FeedbackCommand():
                # Found before: what a note adds may be what makes it too much to be held.
                generation = hub.find(command.generation_id, asking)
                feedback_id = hub.feedback(command.generation_id, command, read_at, asking)
                await self._ack(command, generation, feedback_id=feedback_id)
            case _:
                pass

    async def _hello(self, command: HelloCommand) -> None:
        before = self._known.principal
        try:
            await self._known.hello(command)
            claim_stream(self._services, self._stream, self._known.principal)
        except Refused as refused:
            # Also where it is known by now, and has no room: it is as before then.
            self._known.principal = before
            if before is not None:
                raise
            await self._close(CODES[refused.code].close_code, close_reason(refused))
            self._closed = True
            return
        await self._say({"type": "ack", "id": command.id, "generation_id": None})

    @property
    def _address(self) -> str:
        asking = self._known.principal
        return "" if asking is None else asking.address

    @property
    def _name(self) -> str:
        return f"{id(self):x}"

    def _stops(self, command: Command) -> bool:
        asking = self._known.principal
        if asking is None or not isinstance(command, InterruptCommand):
            return False
        return self._services.hub.would_stop(command.generation_id, asking)

    async def _start(self, command: StartCommand, asking: Principal) -> None:
        self._refuse_one_too_many()
        generation = self._services.hub.start(
            command.as_request(),
            request_id=self._request_id or new_id("r"),
            principal=asking,
            idempotency_key=command.idempotency_key,
        )
        self._viewer.attach(generation.id, 0, asking)
        await self._ack(command, generation)
        self._viewer.follow()

    async def _attach(self, command: AttachCommand, asking: Principal) -> None:
        after = command.after
        generation = self._services.hub.find(command.generation_id, asking)
        if not isinstance(after, int):
            after = parse_position_of(generation.id, after) if after else 0
        self._refuse_one_too_many()
        self._viewer.attach(generation.id, after, asking)
        await self._ack(command, generation)
        self._viewer.follow()

    def _refuse_one_too_many(self) -> None:
        most = self._services.max_generations_per_socket
        if len(self._viewer) >= most:
            raise invalid(f"{most} generations are attached to this socket: detach one, or open another.", status=429)

    async def _ack(self, command: Command, generation: Generation, **more: object) -> None:
        if command.id is not None:
            state = {"state": generation.state, "seq": generation.log.last}
            await self._say({"type": "ack", "id": command.id, "generation_id": generation.id, **state, **more})

    async def _say(self, message: dict[str, object]) -> None:
        await self._send({"type": "websocket.send", "text": orjson.dumps(message).decode()})


def text_frame(message: bytes) -> bytes:
    """Frame a text message as a server sends it: whole, not masked, not compressed (RFC 6455, 5.2)."""
    length = len(message)
    if length < 126:
        return b"\x81%c%b" % (length, message)
    if length < 1 << 16:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), message)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), message)


def _is_short(text: object) -> bool:
    """Tell whether a client's own words for something are worth giving back to it."""
    return isinstance(text, str) and len(text) <= MAX_ID_LENGTH


def _utf8_longer_than(text: str, size: int) -> bool:
    return len(text) > size or (4 * len(text) > size and len(text.encode()) > size)


def _command(value: object) -> Command:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(value, dict) and (not isinstance(kind, str) or kind not in COMMANDS):
        known = ", ".join(COMMANDS)
        raise invalid(f"type: {str(kind)[:100]!r} is not a command; known are: {known}", param="type")
    return parse(COMMANDS[kind] if isinstance(kind, str) else Command, value)
