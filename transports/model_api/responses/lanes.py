"""The requests of one socket that wait: those of one lane (`stream_id`) are answered one after the other."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from gateway.admission.prompts import PromptMemory, PromptReservation
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.principals import Principal
from transports.model_api.responses.errors import STREAM_ID, coded
from transports.model_api.responses.turn import Turn

MAX_IN_FLIGHT: Final = 16
"""Responses of one socket that run at the same time; further requests wait."""

MAX_WAITING: Final = 64
"""Requests of one socket that wait for those before them."""

MAX_LANES: Final = 32
"""Number of different `stream_id`s on one socket."""

_ENVELOPE: Final = frozenset({"type", "stream_id"})
"""Fields of a message that belong to the socket, and not to the request."""


class _Waiting(NamedTuple):
    """A request that waits for those of its lane, encoded, and the memory that it takes."""

    body: bytes
    reservation: PromptReservation


@dataclass(eq=False, slots=True)
class Lane:
    """One lane: the response that runs, and the requests that follow it."""

    stream_id: str | None
    waiting: deque[_Waiting] = field(default_factory=deque)
    turn: Turn | None = None

    def pop(self) -> JsonObject:
        """Return the next request."""
        waiting = self.waiting.popleft()
        waiting.reservation.release()
        body: JsonObject = orjson.loads(waiting.body)
        return body


class Lanes:
    """The lanes of one socket. Its owner calls `close` in the end."""

    def __init__(self, memory: PromptMemory) -> None:
        self._memory = memory
        self._lanes: dict[str | None, Lane] = {}

    def add(self, message: JsonObject, principal: Principal) -> None:
        """Add a request to those of its lane that wait.

        Raises:
            Refused: its `stream_id` is not valid, or there is no room for it.
        """
        lane = self._lane(message.get("stream_id"))
        if sum(len(other.waiting) for other in self._lanes.values()) >= MAX_WAITING:
            text = f"{MAX_WAITING} requests wait on this socket: wait for a response to end."
            raise Refused(Code.RATE_LIMIT, text, retry_after_ms=1000)
        body = orjson.dumps({name: value for name, value in message.items() if name not in _ENVELOPE})
        lane.waiting.append(_Waiting(body, self._memory.reserve(principal.id, principal.address, len(body))))

    def next(self) -> Lane | None:
        """Return a lane whose next request may start; None if all have to wait."""
        if sum(lane.turn is not None for lane in self._lanes.values()) >= MAX_IN_FLIGHT:
            return None
        return next((lane for lane in self._lanes.values() if lane.waiting and lane.turn is None), None)

    def end(self, stream_id: str | None) -> None:
        """Record that the response of a lane has ended."""
        self._lanes[stream_id].turn = None

    def close(self) -> None:
        """Release the memory of what waits."""
        for lane in self._lanes.values():
            for waiting in lane.waiting:
                waiting.reservation.release()
        self._lanes.clear()

    def _lane(self, stream_id: object) -> Lane:
        if stream_id is None:
            return self._lanes.setdefault(None, Lane(None))
        if not isinstance(stream_id, str) or STREAM_ID.fullmatch(stream_id) is None:
            message = (
                "The 'stream_id' field must be a non-empty string with at most 256 characters and may only contain "
                "letters, numbers, underscores, hyphens, and periods."
            )
            raise coded(invalid(message, param="stream_id"), "invalid_stream_id")
        if stream_id not in self._lanes and len(self._lanes.keys() - {None}) >= MAX_LANES:
            message = (
                f"This WebSocket connection has reached its maximum number of distinct stream IDs ({MAX_LANES}). Reuse "
                "an existing stream_id or open a new WebSocket connection."
            )
            raise coded(invalid(message, param="stream_id"), "websocket_stream_limit_reached")
        return self._lanes.setdefault(stream_id, Lane(stream_id))
