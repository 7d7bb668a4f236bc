"""The messages of one socket in the WebSocket mode of the Responses API: create responses one by one, and steer them.

Source: platform.openai.com/docs/guides/websocket-mode. Requests of one lane (`stream_id`) are answered one after the
other, those of different lanes side by side. What a socket has answered without storing it (`store: false`) can be
continued from on this socket alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import orjson

from gateway.api.coalescing import with_coalesce_header
from gateway.api.model_api.responses.lookup import Asker
from gateway.api.model_api.responses.start import ResponseStart, prepare
from gateway.api.requests import on_disconnect_header, parse_json
from gateway.api.services import Services
from gateway.api.start_source import source_of
from gateway.clock import RestartableTimer
from gateway.dialects.base import Call, Dialect
from gateway.dialects.ends import refusal_of
from gateway.dialects.openai_responses.ids import response_id
from gateway.generation.event_log import Entry
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused, invalid
from gateway.protocol.events import TERMINAL, Error
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.handshake import SocketIdentity
from transports.model_api.responses.errors import error_event, in_lane, limit_reached
from transports.model_api.responses.lanes import Lane, Lanes
from transports.model_api.responses.steering import Steering
from transports.model_api.responses.turn import Turn, prewarmed
from transports.projected.endpoint import with_policy
from transports.viewer import Viewer
from transports.websocket_commands import MAX_UNREADABLE, Close, leading_fields

MAX_SECONDS: Final = 3600.0
"""Time after which a socket takes no further request, and is closed when nothing runs on it."""

_KNOWN: Final = ("response.create", "response.steer")


class ResponsesCommands:
    """Executes the messages of one socket. Its owner runs `run_queue`, and calls `close` in the end."""

    __slots__ = (
        *("_changed", "_close", "_dialect", "_expired", "_headers", "_identity", "_lanes", "_left", "_local"),
        *("_send_json", "_services", "_steering", "_timer", "_turns", "_unreadable", "_viewer"),
    )

    def __init__(  # noqa: PLR0917 - the parts of one socket
        self,
        services: Services,
        dialect: Dialect,
        headers: Mapping[str, str],
        identity: SocketIdentity,
        viewer: Viewer,
        send_json: Callable[[dict[str, object]], Awaitable[None]],
        close: Callable[[Close], Awaitable[None]],
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._headers = {name: value for name, value in headers.items() if name.lower() != "openai-beta"}
        self._identity = identity
        self._viewer = viewer
        self._send_json = send_json
        self._close = close
        self._lanes = Lanes(services.hub.prompts)
        self._turns: dict[str, Turn] = {}
        """The responses that run, by the id of their generation."""
        self._steering = Steering(services, self._turns, send_json)
        self._local: list[str] = []
        """Ids of the responses that only this socket can refer to."""
        self._left: list[str] = []
        """Generations whose responses have ended, though they themselves go on."""
        self._changed = asyncio.Event()
        self._expired = False
        self._unreadable = 0
        self._timer = RestartableTimer(services.clock)
        self._timer.start(MAX_SECONDS, self._on_expired)

    @property
    def are_done(self) -> bool:
        """Return True: each message is executed before the next one is read."""
        return True

    async def finish(self) -> None:
        """Return at once."""

    def close(self) -> None:
        """Forget what the socket has answered, and what was counted for it."""
        self._timer.cancel()
        self._services.commands.forget(self._name)
        self._lanes.close()
        for local in self._local:
            self._services.responses.forget(local)
        # They hold the scope of their responses, which is this object: reference cycles.
        self._turns.clear()

    # Messages of the client.

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one message, which `text` None says was binary; return why the socket must be closed."""
        stream_id: object = None
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        try:
            if text is None:
                message = "The message is binary: send events as text."
                raise invalid(message)
            value = parse_json(text, "The message")
            if not isinstance(value, dict):
                message = "The message must be a JSON object."
                raise invalid(message)
            stream_id = value.get("stream_id")
            self._unreadable = 0 if value.get("type") in _KNOWN else self._unreadable
            if too_many is not None:
                raise too_many
            await self._execute(value, read_at)
        except Refused as refused:
            await self._send_error(refused, stream_id)
        return self._reason_to_close(too_many)

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a message that was not kept and begins with `head`; return why the socket must be closed."""
        too_many = self._services.commands.count_message(self._name, self._identity.address, read_at)
        fields = leading_fields(head)
        await self._send_error(refused, fields.get("stream_id"))
        return self._reason_to_close(too_many)

    async def _execute(self, value: JsonObject, read_at: float) -> None:
        match value.get("type"):
            case "response.create":
                self._enqueue(value)
            case "response.steer":
                principal, steered = self._principal(), str(value.get("previous_response_id"))
                known = await self._services.stored_responses.find(steered, Asker(principal, self))
                await self._steering.steer(value, principal, read_at, is_known=known is not None)
            case kind:
                self._unreadable += 1
                message = f"type: {str(kind)[:100]!r} is not known: send response.create or response.steer."
                raise invalid(message, param="type")

    def _enqueue(self, value: JsonObject) -> None:
        """Add a request to those that wait; without others before it, it starts at once.

        Raises:
            Refused: it is not valid, or there is no room for it.
        """
        if self._expired:
            raise limit_reached()
        self._lanes.add(value, self._principal())
        self._changed.set()

    # Responses.

    async def run_queue(self) -> None:
        """Start the requests that wait, each when it is its turn; close the socket once its time is over."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for generation_id in self._left:
                self._viewer.detach(generation_id)
            self._left.clear()
            while (lane := self._lanes.next()) is not None:
                await self._begin(lane, lane.pop())
            if self._expired and not self._turns:
                await self._send_error(limit_reached(), None)
                await self._close(Close(1001, "The time limit of 60 minutes is reached: open a new connection."))
                return

    async def _begin(self, lane: Lane, body: JsonObject) -> None:
        try:
            if body.get("background") is True:
                message = "background: is not supported over WebSocket: leave it out, or send POST /v1/responses."
                raise invalid(message, param="background")
            principal = self._principal()
            whole = self._steering.added(body)
            call = Call({name: value for name, value in whole.items() if name != "generate"}, headers=self._headers)
            start = await prepare(self._services.stored_responses, call, Asker(principal, self))
            if body.get("generate") is False:
                await self._prewarm(lane, start, principal)
            else:
                await self._start(lane, start, principal)
            self._steering.forget(body)
        except Refused as refused:
            await self._send_error(refused, lane.stream_id)

    async def _start(self, lane: Lane, start: ResponseStart, principal: Principal) -> None:
        services = self._services
        policy = on_disconnect_header(self._headers) or start.request.options.on_disconnect
        generation = await services.generations.start(
            with_coalesce_header(with_policy(start.request, policy or services.model_api_on_disconnect), self._headers),
            request_id=new_id("r"),
            principal=principal,
            source=source_of(self._headers, "websocket", self._dialect.name),
            verbatim=start.verbatim,
            retention=services.responses.retention if start.store else 0.0,
            with_defaults=False,
        )
        model = start.request.model or generation.model
        stored = start.stored(response_id(generation.id), Asker(principal, self), model, generation.created, generation)
        turn = lane.turn = self._turns[generation.id] = Turn(services.responses, stored, lane.stream_id)
        self._viewer.attach(generation, 0)
        turn.begin()
        self._viewer.follow()

    async def _prewarm(self, lane: Lane, start: ResponseStart, principal: Principal) -> None:
        """Answer with an empty response, from which the next request goes on; no provider is called."""
        model = self._services.hub.models_for(principal).resolve(start.request.model).name
        created = int(self._services.clock.unix())
        stored = start.stored(new_id("resp"), Asker(principal, self), start.request.model or model, created, None)
        stored.scope = self
        for event in prewarmed(stored):
            await self._send_json(in_lane(orjson.loads(event.data), lane.stream_id))
        self._keep(stored.id)
        self._services.responses.add(stored)

    def _keep(self, local_id: str) -> None:
        self._local = [known for known in self._local if known in self._services.responses]
        self._local.append(local_id)

    def messages(self, generation_id: str, entry: Entry) -> Sequence[bytes]:
        """Return the messages that an entry of the log of a response stands for."""
        turn = self._turns.get(generation_id)
        if turn is None:
            return ()
        if isinstance(entry.other, Error) and not turn.has_events:
            # What fails before its first event is an error of the request, as it is over HTTP.
            messages: Sequence[bytes] = [
                orjson.dumps(error_event(self._dialect, refusal_of(entry.other), turn.stream_id)),
                *turn.give_back_steers(),
            ]
            turn.is_over = True
            self._services.responses.delete(turn.stored.id, turn.stored.owner)
        else:
            messages = turn.messages(entry)
        if turn.is_over:
            self._end(turn, generation_id, has_ended=entry.kind in TERMINAL)
        return messages

    def _end(self, turn: Turn, generation_id: str, *, has_ended: bool) -> None:
        del self._turns[generation_id]
        self._lanes.end(turn.stream_id)
        for local_id in turn.local_ids:
            self._keep(local_id)
        self._steering.keep_waiting(turn)
        if not has_ended:
            # Not now: the viewer is writing this very entry.
            self._left.append(generation_id)
        self._changed.set()

    # Errors.

    async def _send_error(self, refused: Refused, stream_id: object) -> None:
        await self._send_json(error_event(self._dialect, refused, stream_id))

    def _reason_to_close(self, too_many: Refused | None) -> Close | None:
        if self._unreadable >= MAX_UNREADABLE:
            return Close(4400, "Not valid events; see docs/reference/model-apis.md.")
        now = self._services.clock.now()
        if too_many is not None and self._services.commands.is_flooded(self._name, self._identity.address, now):
            return Close(4429, "Too many events, also after they were rejected: slow down.")
        return None

    def _on_expired(self) -> None:
        self._expired = True
        self._changed.set()

    def _principal(self) -> Principal:
        """Return the principal as it is now: a socket may outlive its key."""
        principal = self._identity.renew()
        if principal is None:
            raise missing_credential()
        return principal

    @property
    def _name(self) -> str:
        return f"{id(self):x}"
