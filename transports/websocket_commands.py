"""The commands of one WebSocket: parse them, check their rate, execute them, reply."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple, cast

import orjson
from starlette.websockets import WebSocket

from gateway.admission.streams import Stream
from gateway.api.requests import parse_json, request_id
from gateway.api.resumes import counted_resume
from gateway.api.services import Services
from gateway.api.start_source import source_of, start_source
from gateway.api.streams import claim_stream
from gateway.generation.generation import Generation
from gateway.generation.source import StartSource
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import (
    COMMANDS,
    MAX_ID_LENGTH,
    AttachCommand,
    Command,
    DetachCommand,
    FeedbackCommand,
    GenerationCommand,
    HelloCommand,
    InterruptCommand,
    PingCommand,
    StartCommand,
    parse,
)
from gateway.protocol.errors import CODES, Refused, invalid
from gateway.protocol.position import asked_seq, parse_position_of
from gateway.security.authenticator import missing_hello
from gateway.security.principals import Principal
from transports.command_order import CommandOrder
from transports.handshake import SocketIdentity, close_reason
from transports.viewer import Viewer

MAX_UNREADABLE: Final = 10
"""Maximum number of messages in a row that are refused and have neither an id nor a generation's id.

Such a client does not implement this protocol.
"""


_OBJECT: Final = re.compile(r"[\s\ufeff]*\{")
_SCALAR_FIELD: Final = re.compile(r'\s*"(\w{1,64})"\s*:\s*("[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]{0,17}))\s*[,}]')


class Close(NamedTuple):
    """Why a socket is to be closed: a code of the protocol, and a reason of at most 123 bytes (RFC 6455, 5.5.1)."""

    code: int
    reason: str


class WebSocketCommands:
    """Executes the commands of one socket. Its owner calls `close` in the end."""

    __slots__ = (
        "_close",
        "_identity",
        "_order",
        "_request_id",
        "_send_json",
        "_services",
        "_source",
        "_stream",
        "_unreadable",
        "_viewer",
    )

    def __init__(
        self,
        services: Services,
        websocket: WebSocket,
        identity: SocketIdentity,
        viewer: Viewer,
        stream: Stream | None,
        send_json: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        self._services = services
        self._identity = identity
        self._viewer = viewer
        self._stream = stream
        self._send_json = send_json
        # An id that the client sent names one request; without one, each start gets its own.
        self._request_id = request_id(websocket) if "x-request-id" in websocket.headers else None
        self._source = start_source(websocket, "websocket")
        self._unreadable = 0
        self._close: Close | None = None
        self._order: CommandOrder | None = None
        """Of the commands for other gateways, once there is one."""

    @property
    def are_done(self) -> bool:
        """Return True if no command waits for another gateway."""
        return self._order is None or self._order.is_empty

    async def finish(self) -> None:
        """Wait for the commands that other gateways carry out."""
        if self._order is not None:
            await self._order.finish()

    def close(self) -> None:
        """Forget what was counted for the socket."""
        if self._order is not None:
            self._order.close()
        self._services.commands.forget(self._name)

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one message, which `text` None says was binary, and reply; return why the socket must be closed."""
        command_id: object = None
        generation_id: object = None
        # Counted before it is parsed: a message that is no command costs as much to read.
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        try:
            if text is None:
                message = "The message is binary: send commands as text."
                raise invalid(message)
            value = parse_json(text, "The message")
            if isinstance(value, dict):
                command_id, generation_id = value.get("id"), value.get("generation_id")
            command = _parse_command(value)
            self._unreadable = 0
            if isinstance(command, GenerationCommand) and self._may_wait(command.generation_id):
                execute = partial(self._execute_or_reject, command, read_at, too_many)
                self._order = self._order or CommandOrder(self._viewer.fail)
                await self._order.add(command.generation_id, execute)
            else:
                await self._execute(command, read_at, too_many)
        except Refused as refused:
            await self._send_rejected(refused, command_id, generation_id)
        return self._reason_to_close(too_many)

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a message that was not kept and begins with `head`; return why the socket must be closed."""
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        fields = leading_fields(head)
        await self._send_rejected(refused, fields.get("id"), fields.get("generation_id"))
        return self._reason_to_close(too_many)

    async def _send_rejected(self, refused: Refused, command_id: object, generation_id: object) -> None:
        if command_id is None and generation_id is None:
            self._unreadable += 1
        await self._send_json(
            {
                "type": "rejected",
                "id": command_id if isinstance(command_id, int) or _is_short(command_id) else None,
                "generation_id": generation_id if _is_short(generation_id) else None,
                **cast("dict[str, object]", refused.body()["error"]),
            }
        )

    def _reason_to_close(self, too_many: Refused | None) -> Close | None:
        if self._close is not None:
            return self._close
        if self._unreadable >= MAX_UNREADABLE:
            return Close(4400, "Not valid commands; see docs/reference/protocol.md.")
        now = self._services.clock.now()
        if too_many is not None and self._services.commands.is_flooded(self._name, self._identity.address, now):
            return Close(4429, "Too many commands, also after they were rejected: slow down.")
        return None

    def _may_wait(self, generation_id: str) -> bool:
        """Return True if a command may wait for another gateway: others must not wait for it."""
        is_elsewhere = self._services.generations.is_elsewhere(generation_id)
        return is_elsewhere or (self._order is not None and generation_id in self._order)

    async def _execute_or_reject(self, command: GenerationCommand, read_at: float, too_many: Refused | None) -> None:
        try:
            await self._execute(command, read_at, too_many)
        except Refused as refused:
            await self._send_rejected(refused, command.id, command.generation_id)

    async def _interrupt(self, command: InterruptCommand, read_at: float, too_many: Refused | None) -> None:
        """Stop a generation first, and count the command afterwards.

        A stop that stops something is never rejected for its number, and not counted: each generation can be stopped
        once, so this is no flood, and a flood must not keep a client from stopping what costs it money.
        """
        principal = self._authenticate()
        try:
            result = await self._services.generations.interrupt(command.generation_id, command, read_at, principal)
        except Refused:
            if too_many is not None:
                raise too_many from None
            raise
        if result.stopped:
            self._services.commands.refund_message(self._name, self._identity.address, read_at)
        elif too_many is not None:
            raise too_many
        await self._acknowledge(command, result.generation)

    async def _execute(self, command: Command, read_at: float, too_many: Refused | None) -> None:
        if isinstance(command, InterruptCommand):
            await self._interrupt(command, read_at, too_many)
            return
        if too_many is not None:
            raise too_many
        if isinstance(command, HelloCommand):
            await self._hello(command)
            return
        principal = self._authenticate()
        match command:
            case PingCommand():
                await self._send_json({"type": "pong", "id": command.id})
            case StartCommand():
                await self._start(command, principal)
            case AttachCommand():
                await self._attach(command, principal)
            case DetachCommand():
                generation = await self._services.generations.find(command.generation_id, principal)
                if not self._viewer.detach(generation.id):
                    raise invalid(f"generation_id: {generation.id} is not attached to this socket")
                await self._acknowledge(command, generation)
            case FeedbackCommand():
                generation, feedback_id = await self._services.generations.feedback(
                    command.generation_id, command, read_at, principal
                )
                await self._acknowledge(command, generation, feedback_id=feedback_id)
            case _:
                pass

    def _authenticate(self) -> Principal:
        """Return the principal of the socket as it is now: a socket may outlive its key.

        What it views continues even then, as a stream over HTTP does.

        Raises:
            Refused: `auth_error`: there was no hello yet, or the credential is no longer valid.
        """
        principal = self._identity.renew()
        if principal is None:
            raise missing_hello()
        return principal

    async def _hello(self, command: HelloCommand) -> None:
        before = self._identity.principal
        try:
            await self._identity.identify(command)
            claim_stream(self._services, self._stream, self._identity.principal)
        except Refused as refused:
            # Also if the new principal is known, but has too many streams: the socket is as it was before.
            self._identity.principal = before
            if before is not None:
                raise
            self._close = Close(CODES[refused.code].close_code, close_reason(refused))
            return
        await self._send_json({"type": "ack", "id": command.id, "generation_id": None})

    async def _start(self, command: StartCommand, principal: Principal) -> None:
        self._refuse_one_too_many()
        generation = await self._services.generations.start(
            command.as_request(),
            request_id=self._request_id or new_id("r"),
            principal=principal,
            source=self._source_of(command),
            idempotency_key=command.idempotency_key,
        )
        self._viewer.attach(generation, 0)
        # The ack comes before the events: `follow` writes them.
        await self._acknowledge(command, generation)
        self._viewer.follow()

    def _source_of(self, command: StartCommand) -> StartSource:
        """Return the source of a start: the trace is that of the command, or else that of the handshake."""
        if command.traceparent is None:
            return self._source
        headers = {"traceparent": command.traceparent, "tracestate": command.tracestate or ""}
        return source_of(headers, self._source.transport, self._source.dialect)

    async def _attach(self, command: AttachCommand, principal: Principal) -> None:
        after = command.after
        with counted_resume(self._services, self._viewer.transport, is_resume=bool(after)):
            asked = after if isinstance(after, int) else asked_seq(command.generation_id, after or "")
            generation = await self._services.generations.find(command.generation_id, principal, asked)
            if not isinstance(after, int):
                after = parse_position_of(generation.id, after, "after") if after else 0
            self._refuse_one_too_many()
            self._viewer.attach(generation, after, command.coalesce_ms)
        await self._acknowledge(command, generation)
        self._viewer.follow()

    def _refuse_one_too_many(self) -> None:
        max_generations = self._services.max_generations_per_socket
        if len(self._viewer) >= max_generations:
            message = f"{max_generations} generations are attached to this socket: detach one, or open another."
            raise invalid(message, status=429)

    async def _acknowledge(self, command: Command, generation: Generation, **fields: object) -> None:
        if command.id is not None:
            state = {"state": generation.state, "seq": generation.log.last}
            await self._send_json({"type": "ack", "id": command.id, "generation_id": generation.id, **state, **fields})

    @property
    def _name(self) -> str:
        return f"{id(self):x}"


def leading_fields(head: str) -> dict[str, object]:
    """Return the fields with which a JSON object begins, up to the first that is not a string or a whole number."""
    fields, at = dict[str, object](), _OBJECT.match(head)
    while at is not None and (at := _SCALAR_FIELD.match(head, at.end())) is not None:
        fields[at[1]] = orjson.loads(at[2])
    return fields


def _is_short(text: object) -> bool:
    """Return True if a client's own id is short enough to be sent back."""
    return isinstance(text, str) and len(text) <= MAX_ID_LENGTH


def _parse_command(value: object) -> Command:
    if not isinstance(value, dict):
        return parse(Command, value)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in COMMANDS:
        problem = f"{str(kind)[:100]!r} is not a command" if "type" in value else "is missing"
        raise invalid(f"type: {problem}; known are: {', '.join(COMMANDS)}", param="type")
    return parse(COMMANDS[kind], value)
