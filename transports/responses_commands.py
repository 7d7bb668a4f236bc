"""The messages of one socket in the WebSocket mode of the Responses API: create responses one by one, and steer them.

Source: platform.openai.com/docs/guides/websocket-mode. Requests of one lane (`stream_id`) are answered one after the
other, those of different lanes side by side. What a socket has answered without storing it (`store: false`) can be
continued from on this socket alone.
"""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from gateway.admission.prompts import PromptReservation
from gateway.api.requests import on_disconnect_header, parse_json
from gateway.api.responses_api.conversation import Asker, ResponseStart, prepare
from gateway.api.services import Services
from gateway.clock import RestartableTimer
from gateway.dialects.base import Call, Dialect
from gateway.dialects.openai_responses.ids import response_id
from gateway.dialects.openai_responses.steer import FAILED, SteerError, accepted, failed, steer_of, with_waiting
from gateway.generation.event_log import Entry
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import FeedbackRequest, JsonObject
from gateway.protocol.errors import CODES, Code, Refused, invalid
from gateway.protocol.events import TERMINAL, Error
from gateway.security.authenticator import missing_credential
from gateway.security.principals import Principal
from transports.dialect_endpoint import with_policy
from transports.handshake import SocketIdentity
from transports.responses_turn import Steer, Turn, prewarmed
from transports.viewer import Viewer
from transports.websocket_commands import MAX_UNREADABLE, Close, leading_fields

MAX_SECONDS: Final = 3600.0
"""Time after which a socket takes no further request, and is closed when nothing runs on it."""

MAX_IN_FLIGHT: Final = 16
"""Responses of one socket that run at the same time; further requests wait."""

MAX_WAITING: Final = 64
"""Requests of one socket that wait for those before them."""

MAX_LANES: Final = 32
"""Number of different `stream_id`s on one socket."""

_KNOWN: Final = ("response.create", "response.steer")
_STREAM_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_ENVELOPE: Final = frozenset({"type", "stream_id"})
"""Fields of a message that belong to the socket, and not to the request."""


class _Waiting(NamedTuple):
    """A request that waits for those of its lane, encoded, and the memory that it takes."""

    body: bytes
    reservation: PromptReservation


@dataclass(eq=False, slots=True)
class _Lane:
    stream_id: str | None
    waiting: deque[_Waiting] = field(default_factory=deque)
    turn: Turn | None = None


class ResponsesCommands:
    """Executes the messages of one socket. Its owner runs `run_queue`, and calls `close` in the end."""

    __slots__ = (
        *(
            "_asker",
            "_changed",
            "_close",
            "_dialect",
            "_expired",
            "_headers",
            "_held",
            "_identity",
            "_lanes",
            "_left",
            "_local",
        ),
        *("_send_json", "_services", "_timer", "_turns", "_unreadable", "_viewer"),
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
        owner = "" if identity.principal is None else identity.principal.id
        self._asker = Asker(owner, self)
        self._lanes: dict[str | None, _Lane] = {}
        self._turns: dict[str, Turn] = {}
        """The responses that run, by the id of their generation."""
        self._local: list[str] = []
        """Ids of the responses that only this socket can refer to."""
        self._held: dict[str, list[JsonObject]] = {}
        """Inputs that wait for the request that follows a response, by the id of the response."""
        self._left: list[str] = []
        """Generations whose responses have ended, though they themselves go on."""
        self._changed = asyncio.Event()
        self._expired = False
        self._unreadable = 0
        self._timer = RestartableTimer(services.clock)
        self._timer.start(MAX_SECONDS, self._on_expired)

    def close(self) -> None:
        """Forget what the socket has answered, and what was counted for it."""
        self._timer.cancel()
        self._services.commands.forget(self._name)
        for lane in self._lanes.values():
            for waiting in lane.waiting:
                waiting.reservation.release()
        for local in self._local:
            self._services.responses.forget(local)
        # They hold the scope of their responses, which is this object: reference cycles.
        self._lanes.clear()
        self._turns.clear()
        self._asker = Asker("")

    # Messages of the client.

    async def handle(self, text: str | None, read_at: float) -> Close | None:
        """Execute one message, which `text` None says was binary; return why the socket must be closed."""
        stream_id: object = None
        too_many = self._services.commands.count_message(self._name, self._address, read_at)
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
        return self._reason_to_close()

    async def reject(self, refused: Refused, head: str, read_at: float) -> Close | None:
        """Reject a message that was not kept and begins with `head`; return why the socket must be closed."""
        self._services.commands.count_message(self._name, self._address, read_at)
        fields = leading_fields(head)
        await self._send_error(refused, fields.get("stream_id"))
        return self._reason_to_close()

    async def _execute(self, value: JsonObject, read_at: float) -> None:
        match value.get("type"):
            case "response.create":
                self._enqueue(value)
            case "response.steer":
                await self._steer(value, read_at)
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
            raise _limit_reached()
        principal = self._principal()
        lane = self._lane(value.get("stream_id"))
        if sum(len(other.waiting) for other in self._lanes.values()) >= MAX_WAITING:
            message = f"{MAX_WAITING} requests wait on this socket: wait for a response to end."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=1000)
        body = orjson.dumps({name: field for name, field in value.items() if name not in _ENVELOPE})
        reservation = self._services.hub.prompts.reserve(principal.id, principal.address, len(body))
        lane.waiting.append(_Waiting(body, reservation))
        self._changed.set()

    def _lane(self, stream_id: object) -> _Lane:
        if stream_id is None:
            return self._lanes.setdefault(None, _Lane(None))
        if not isinstance(stream_id, str) or _STREAM_ID.fullmatch(stream_id) is None:
            message = (
                "The 'stream_id' field must be a non-empty string with at most 256 characters and may only contain "
                "letters, numbers, underscores, hyphens, and periods."
            )
            raise _coded(invalid(message, param="stream_id"), "invalid_stream_id")
        if stream_id not in self._lanes and len(self._lanes.keys() - {None}) >= MAX_LANES:
            message = (
                f"This WebSocket connection has reached its maximum number of distinct stream IDs ({MAX_LANES}). Reuse "
                "an existing stream_id or open a new WebSocket connection."
            )
            raise _coded(invalid(message, param="stream_id"), "websocket_stream_limit_reached")
        return self._lanes.setdefault(stream_id, _Lane(stream_id))

    # Responses.

    async def run_queue(self) -> None:
        """Start the requests that wait, each when it is its turn; close the socket once its time is over."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for generation_id in self._left:
                self._viewer.detach(generation_id)
            self._left.clear()
            for lane in list(self._lanes.values()):
                while lane.waiting and lane.turn is None and len(self._turns) < MAX_IN_FLIGHT:
                    await self._begin(lane, lane.waiting.popleft())
            if self._expired and not self._turns:
                await self._send_error(_limit_reached(), None)
                await self._close(Close(1001, "The time limit of 60 minutes is reached: open a new connection."))
                return

    async def _begin(self, lane: _Lane, waiting: _Waiting) -> None:
        waiting.reservation.release()
        body: JsonObject = orjson.loads(waiting.body)
        try:
            if body.get("background") is True:
                message = "background: is not supported over WebSocket: leave it out, or send POST /v1/responses."
                raise invalid(message, param="background")
            principal = self._principal()
            previous_id = str(body.get("previous_response_id"))
            if (held := self._held.get(previous_id)) is not None:
                body["input"] = with_waiting(body.get("input"), held)
            call = Call({name: value for name, value in body.items() if name != "generate"}, headers=self._headers)
            start = prepare(self._services.responses, call, self._asker)
            if body.get("generate") is False:
                await self._prewarm(lane, start, principal)
            else:
                self._start(lane, start, principal)
            self._held.pop(previous_id, None)
        except Refused as refused:
            await self._send_error(refused, lane.stream_id)

    def _start(self, lane: _Lane, start: ResponseStart, principal: Principal) -> None:
        services = self._services
        policy = on_disconnect_header(self._headers) or start.request.options.on_disconnect
        generation = services.hub.start(
            with_policy(start.request, policy or services.model_api_on_disconnect),
            request_id=new_id("r"),
            principal=principal,
            verbatim=start.verbatim,
            retention=services.responses.retention if start.store else 0.0,
        )
        model = start.request.model or generation.model
        stored = start.stored(response_id(generation.id), self._asker, model, generation.created, generation)
        turn = lane.turn = self._turns[generation.id] = Turn(services.responses, stored, lane.stream_id)
        self._viewer.attach(generation, 0)
        turn.begin()
        self._viewer.follow()

    async def _prewarm(self, lane: _Lane, start: ResponseStart, principal: Principal) -> None:
        """Answer with an empty response, from which the next request goes on; no provider is called."""
        model = self._services.hub.models_for(principal).resolve(start.request.model).name
        created = int(self._services.clock.unix())
        stored = start.stored(new_id("resp"), self._asker, start.request.model or model, created, None)
        stored.scope = self
        for event in prewarmed(stored):
            await self._send_json(_in_lane(orjson.loads(event.data), lane.stream_id))
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
                orjson.dumps(self._error(_refusal(entry.other), turn.stream_id)),
                *turn.give_back_steers(),
            ]
            turn.is_over = True
            self._services.responses.forget(turn.stored.id)
        else:
            messages = turn.messages(entry)
        if turn.is_over:
            self._end(turn, generation_id, has_ended=entry.kind in TERMINAL)
        return messages

    def _end(self, turn: Turn, generation_id: str, *, has_ended: bool) -> None:
        del self._turns[generation_id]
        self._lanes[turn.stream_id].turn = None
        for local_id in turn.local_ids:
            self._keep(local_id)
        if turn.waiting:
            self._held[turn.stored.id] = turn.waiting
            if len(self._held) > MAX_LANES:
                del self._held[next(iter(self._held))]
        if not has_ended:
            # Not now: the viewer is writing this very entry.
            self._left.append(generation_id)
        self._changed.set()

    # Steering.

    async def _steer(self, value: JsonObject, read_at: float) -> None:
        """Add input to a response that runs: our feedback, which begins another text."""
        steered = str(value.get("previous_response_id"))
        turn = next((turn for turn in self._turns.values() if turn.stored.id == steered), None)
        number = 0 if turn is None else turn.last_number
        stream_id = None if turn is None else turn.stream_id
        steer = None
        try:
            text = steer_of(value)
            if turn is None or turn.stored.generation is None:
                is_known = self._services.responses.find(steered, *self._asker) is not None
                raise SteerError("response_already_completed" if is_known else "response_not_found")
            if turn.has_calls:
                steer = self._hold(turn, text, value)
                await self._send_json(_in_lane(accepted(steer.id, steered, number), stream_id))
                return
            principal = self._principal()
            steer = Steer(new_id("steer"), text, value.get("input"))
            # First: a response that waits in the queue is steered within the call.
            await self._send_json(_in_lane(accepted(steer.id, steered, number), stream_id))
            self._add_feedback(turn, turn.stored.generation.id, steer, principal, read_at)
        except SteerError as error:
            event = failed(error, steered, value.get("input"), number, None if steer is None else steer.id)
            await self._send_json(_in_lane(event, stream_id))

    def _hold(self, turn: Turn, text: str, value: JsonObject) -> Steer:
        """Let an input wait for the results of the calls that the response has begun."""
        steer = Steer(new_id("steer"), text, value.get("input"))
        if not turn.hold(steer):
            raise SteerError("too_many_pending_steers")
        return steer

    def _add_feedback(self, turn: Turn, generation_id: str, steer: Steer, principal: Principal, read_at: float) -> None:
        feedback_id = None
        turn.expect(steer)
        try:
            request = FeedbackRequest(text=steer.text, mode="revise")
            feedback_id = self._services.hub.feedback(generation_id, request, read_at, principal).feedback_id
        except Refused as refused:
            raise SteerError(FAILED.get(refused.code, "steering_not_supported"), refused.message) from None
        finally:
            turn.expect_no_more(feedback_id)

    # Errors.

    async def _send_error(self, refused: Refused, stream_id: object) -> None:
        await self._send_json(self._error(refused, stream_id))

    def _error(self, refused: Refused, stream_id: object) -> dict[str, object]:
        """Return an error event; without a number in `status`, Codex waits for ever."""
        event: dict[str, object] = {
            "type": "error",
            "status": self._dialect.status(refused),
            **self._dialect.refusal(refused),
        }
        if refused.retry_after_ms is not None:
            event["headers"] = {"retry-after": str(-(-refused.retry_after_ms // 1000))}
        is_lane = isinstance(stream_id, str) and _STREAM_ID.fullmatch(stream_id) is not None
        return _in_lane(event, stream_id if is_lane else None)

    def _reason_to_close(self) -> Close | None:
        if self._unreadable >= MAX_UNREADABLE:
            return Close(4400, "Not valid events; see docs/model-apis.md.")
        if self._services.commands.is_flooded(self._name, self._address, self._services.clock.now()):
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
    def _address(self) -> str:
        principal = self._identity.principal
        return "" if principal is None else principal.address

    @property
    def _name(self) -> str:
        return f"{id(self):x}"


def _in_lane(event: Mapping[str, object], stream_id: object) -> dict[str, object]:
    return {**event} if stream_id is None else {**event, "stream_id": stream_id}


def _coded(refused: Refused, api_code: str) -> Refused:
    refused.api_code = api_code
    return refused


def _limit_reached() -> Refused:
    message = (
        "Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue."
    )
    return _coded(invalid(message), "websocket_connection_limit_reached")


def _refusal(end: Error) -> Refused:
    code = Code(end.code)
    refused = Refused(code, end.message, status=CODES[code].status, retry_after_ms=end.retry_after_ms)
    refused.retryable = end.retryable
    return refused
