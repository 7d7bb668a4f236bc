"""The frames of one socket of the AI SDK: send a message, resume its answer, abort it.

Each frame has the headers that a request over HTTP would have, its credential among them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

import orjson

from gateway.admission.streams import Stream
from gateway.api.coalescing import coalesce_header, with_coalesce_header
from gateway.api.requests import idempotency_key, on_disconnect_header, parse_json
from gateway.api.services import Services
from gateway.api.start_source import source_of
from gateway.api.streams import claim_stream
from gateway.clock import RestartableTimer
from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.ai_sdk.request import message_id_of
from gateway.dialects.base import Call, Dialect, ResponseIdentity
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.pipeline.hub import new_id
from gateway.protocol.errors import CODES, Code, Refused, invalid
from gateway.security.authenticator import bearer_credential, missing_credential
from gateway.security.principals import Principal
from transports.chat_ui.ai_sdk.chats import Chats, replay
from transports.chat_ui.ai_sdk.frames import Frame, body_of, chunk_frame, frame, next_sequence, read_frame
from transports.chat_ui.newest import stop
from transports.handshake import SocketIdentity, close_reason
from transports.projected.endpoint import with_policy
from transports.projected.socket import SocketStream
from transports.viewer import Viewer
from transports.websocket_commands import Close, leading_fields

TICKET_HEADER: Final = "ticket"
"""Header of a frame that may hold a ticket for a socket, in place of a key."""

ABORT_SECONDS: Final = 1.0
"""Time in which a client that aborts a resumed stream may resume it again.

`resumeStream()` aborts the one before it, as in development when React runs effects twice; `stop()` aborts it, too.
"""


class _Reader(NamedTuple):
    """What a request of the client reads."""

    generation: Generation
    principal: Principal
    stream: SocketStream
    request_id: str
    is_resumed: bool


class AiSdkCommands:
    """Executes the frames of one socket. Its owner calls `close` in the end."""

    __slots__ = (
        *("_chats", "_close", "_dialect", "_identity", "_is_known", "_origin", "_readers", "_send_json", "_services"),
        *("_stops", "_stream", "_timers", "_viewer"),
    )

    def __init__(  # noqa: PLR0917 - the parts of one socket
        self,
        services: Services,
        dialect: Dialect,
        identity: SocketIdentity,
        origin: str,
        viewer: Viewer,
        stream: Stream | None,
        send_json: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._identity = identity
        self._is_known = identity.principal is not None
        """The handshake had a credential, which frames without one use. That of a frame is for this frame alone."""
        self._origin = origin
        self._viewer = viewer
        self._stream = stream
        self._send_json = send_json
        self._chats = Chats(services, dialect)
        self._readers: dict[str, _Reader] = {}
        """Requests of the client that read a generation, by its id."""
        self._timers: dict[str, RestartableTimer] = {}
        """Timers of generations whose resumed stream was aborted, by the generation's id."""
        self._stops: set[asyncio.Task[None]] = set()
        """Stops that these timers have begun."""
        self._close: Close | None = None

    @property
    def are_done(self) -> bool:
        """Return True: each message is executed before the next one is read."""
        return True

    async def finish(self) -> None:
        """Return at once."""

    def close(self) -> None:
        """Release the timers and their stops, and what was counted for the socket."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._stops:
            task.cancel()
        self._readers.clear()
        self._services.commands.forget(self._name)

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one frame, which `text` None says was binary; return why the socket must be closed."""
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        request_id = ""
        try:
            if text is None:
                message = "The frame is binary: send text."
                raise invalid(message)
            value = parse_json(text, "The frame")
            if not isinstance(value, dict):
                message = "The frame must be a JSON object."
                raise invalid(message)
            request_id = value["requestId"] if isinstance(value.get("requestId"), str) else ""
            given = read_frame(value)
            if too_many is not None and given.kind != "abort":
                raise too_many
            await self._execute(given, read_at)
        except Refused as refused:
            await self._refuse(refused, request_id)
        return self._reason_to_close(too_many)

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a frame that was not kept and begins with `head`; return why the socket must be closed."""
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        request_id = leading_fields(head).get("requestId")
        await self._refuse(refused, request_id if isinstance(request_id, str) else "")
        return self._reason_to_close(too_many)

    def messages(self, generation_id: str, entry: Entry) -> Sequence[bytes]:
        """Return the frames that an entry of the log of a generation stands for."""
        reader = self._readers.get(generation_id)
        if reader is None:
            return ()
        messages = reader.stream.messages(entry)
        if reader.stream.is_over:
            del self._readers[generation_id]
        return messages

    async def _execute(self, given: Frame, read_at: float) -> None:
        match given.kind:
            case "send":
                await self._start(given, await self._authenticate(given))
            case "resume":
                await self._resume(given, await self._authenticate(given))
            case _:
                await self._abort(given.request_id, read_at)

    async def _authenticate(self, given: Frame) -> Principal:
        """Return the principal of a frame: of its own credential, or else of the handshake's.

        Raises:
            Refused: `auth_error`: there is none, or it is not valid.
        """
        authenticator = self._services.authenticator
        if (ticket := given.headers.get(TICKET_HEADER)) is not None:
            principal = await authenticator.redeem_ticket(ticket, "socket", self._origin)
        elif authenticator.allows_anonymous or (credential := bearer_credential(given.headers)) is None:
            known = self._identity.renew() if self._is_known else None
            if known is None:
                raise missing_credential()
            return known
        else:
            principal = await authenticator.verify_credential(credential)
        if self._identity.principal is None:
            try:
                claim_stream(self._services, self._stream, principal)
            except Refused as refused:
                self._close = Close(CODES[refused.code].close_code, close_reason(refused))
                raise
            self._identity.principal = principal
        return principal

    async def _start(self, given: Frame, principal: Principal) -> None:
        self._check_room()
        start = self._dialect.parse(Call(body_of(given), headers=given.headers, route=self._dialect.paths[0]))
        policy = on_disconnect_header(given.headers) or start.request.options.on_disconnect
        generation = await self._services.generations.start(
            with_coalesce_header(with_policy(start.request, policy), given.headers),
            request_id=new_id("r"),
            principal=principal,
            source=source_of(given.headers, "websocket", self._dialect.name),
            idempotency_key=idempotency_key(given.headers),
        )
        if start.alias:
            with self._services.generations.client_may_leave(generation.id):
                await self._chats.add(generation, start.alias, principal)
        identity = ResponseIdentity(generation.id, start.request.model or generation.model, generation.created)
        message_id = message_id_of(generation.id, start.request.metadata)
        projection = AiSdkProjection(identity, message_id, done=False)
        await self._read(given, generation, principal, projection)

    async def _resume(self, given: Frame, principal: Principal) -> None:
        chat_id, skip = given.fields.get("id"), next_sequence(given)
        generation = await self._chats.find(chat_id, principal) if isinstance(chat_id, str) else None
        if generation is None:
            await self._send_json(frame("no-active", given.request_id))
            return
        self._check_room()
        await self._read(given, generation, principal, replay(generation, {}, numbered=True, done=False), skip)

    async def _read(
        self, given: Frame, generation: Generation, principal: Principal, projection: AiSdkProjection, skip: int = 0
    ) -> None:
        """Attach a request to a generation, from its beginning, in place of one on this socket that reads it, too."""
        request_id, coalesce_ms = given.request_id, coalesce_header(given.headers)
        if (timer := self._timers.pop(generation.id, None)) is not None:
            timer.cancel()
        replaced = self._readers.pop(generation.id, None)
        end = orjson.dumps(frame("end", request_id))
        stream = SocketStream(projection, partial(chunk_frame, request_id), lambda _is_cut: [end], skip=skip)
        self._viewer.attach(generation, 0, coalesce_ms)
        self._readers[generation.id] = _Reader(
            generation, principal, stream, request_id, is_resumed=given.kind == "resume"
        )
        if replaced is not None:
            message = "This socket has resumed the answer in another request."
            await self._send_json(frame("error", replaced.request_id, errorText=message))
        await self._send_json(frame("start", request_id))
        self._viewer.follow()

    async def _abort(self, request_id: str, read_at: float) -> None:
        """Stop what a request reads; a stream that was resumed only if it is not resumed again."""
        reader = next((each for each in self._readers.values() if each.request_id == request_id), None)
        if reader is None:
            return
        if not reader.is_resumed:
            await self._stop(reader, read_at)
            return
        generation_id = reader.generation.id
        del self._readers[generation_id]
        self._viewer.detach(generation_id)
        timer = self._timers[generation_id] = RestartableTimer(self._services.clock)
        timer.start(ABORT_SECONDS, partial(self._on_not_resumed, reader, read_at))

    def _on_not_resumed(self, reader: _Reader, read_at: float) -> None:
        self._timers.pop(reader.generation.id, None)
        task = asyncio.create_task(self._stop_unless_viewed(reader, read_at))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_unless_viewed(self, reader: _Reader, read_at: float) -> None:
        # No request waits for an answer: a generation that is lost needs no stop.
        with suppress(Refused):
            await self._stop(reader, read_at, unless_viewed=True)

    async def _stop(self, reader: _Reader, read_at: float, *, unless_viewed: bool = False) -> None:
        generation_id, reason = reader.generation.id, "stopped by the user"
        if await stop(self._services, generation_id, reader.principal, read_at, reason, unless_viewed=unless_viewed):
            # What stops something is no flood: each answer can be stopped once.
            self._services.commands.refund_message(self._name, self._identity.address, read_at)

    def _check_room(self) -> None:
        max_generations = self._services.max_generations_per_socket
        if len(self._viewer) >= max_generations:
            message = f"{max_generations} answers are read on this socket: wait for one to end, or open another socket."
            raise invalid(message, status=429)

    async def _refuse(self, refused: Refused, request_id: str) -> None:
        """Refuse a request; a frame without an id can't be answered: a client of the SDK sends none."""
        if request_id:
            await self._send_json(frame("error", request_id[:128], errorText=refused.message))
        elif self._close is None:
            self._close = Close(CODES[Code.INVALID_REQUEST].close_code, close_reason(refused))

    def _reason_to_close(self, too_many: Refused | None) -> Close | None:
        if self._close is not None:
            return self._close
        if self._identity.principal is None:
            # Its frames may be large: it gets one try. The SDK connects again with its next request.
            return Close(CODES[Code.AUTH_ERROR].close_code, close_reason(missing_credential()))
        now = self._services.clock.now()
        if too_many is not None and self._services.commands.is_flooded(self._name, self._identity.address, now):
            return Close(4429, "Too many frames, also after they were refused: slow down.")
        return None

    @property
    def _name(self) -> str:
        return f"{id(self):x}"
