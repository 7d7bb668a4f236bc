"""Input that a client adds to a response that runs (`response.steer`): our feedback, which begins another text."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.api.services import Services
from gateway.dialects.openai_responses.steer import FAILED, SteerError, accepted, failed, steer_of, with_waiting
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import FeedbackRequest, JsonObject
from gateway.protocol.errors import Refused
from gateway.security.principals import Principal
from transports.model_api.responses.errors import in_lane
from transports.model_api.responses.turn import Steer, Turn

MAX_PARENTS: Final = 32
"""Responses of one socket whose input waits for the results of their calls; the oldest is forgotten first."""


class Steering:
    """The inputs of one socket. `turns` are its responses that run, by the id of their generation."""

    def __init__(
        self,
        services: Services,
        turns: Mapping[str, Turn],
        send_json: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        self._services = services
        self._send_json = send_json
        self._turns = turns
        self._waiting: dict[str, list[JsonObject]] = {}
        """Inputs that wait for the request that follows a response, by the id of the response."""

    async def steer(self, message: JsonObject, principal: Principal, read_at: float, *, is_known: bool) -> None:
        """Add input to a response, and answer. `is_known`: one of this id has been answered."""
        steered_id = message.get("previous_response_id")
        turn = next((turn for turn in self._turns.values() if turn.stored.id == steered_id), None)
        number, stream_id = (0, None) if turn is None else (turn.last_number, turn.stream_id)
        steered, steer = str(steered_id), None
        try:
            text = steer_of(message)
            if turn is None:
                raise SteerError("response_already_completed" if is_known else "response_not_found")
            new = Steer(new_id("steer"), text, message.get("input"))
            if turn.has_calls and not turn.hold(new):
                raise SteerError("too_many_pending_steers")
            steer = new
            # First: a response that waits in the queue is steered within the call.
            await self._send_json(in_lane(accepted(steer.id, steered, number), stream_id))
            if not turn.has_calls:
                await self._add_feedback(turn, steer, principal, read_at)
        except SteerError as error:
            event = failed(error, steered, message.get("input"), number, None if steer is None else steer.id)
            await self._send_json(in_lane(event, stream_id))

    async def _add_feedback(self, turn: Turn, steer: Steer, principal: Principal, read_at: float) -> None:
        feedback_id = None
        turn.expect(steer)
        try:
            request = FeedbackRequest(text=steer.text, mode="revise")
            _, feedback_id = await self._services.generations.feedback(turn.generation_id, request, read_at, principal)
        except Refused as refused:
            raise SteerError(FAILED.get(refused.code, "steering_not_supported"), refused.message) from None
        finally:
            turn.expect_no_more(feedback_id)

    def keep_waiting(self, turn: Turn) -> None:
        """Keep what waits for the request that follows a response."""
        if turn.waiting:
            self._waiting[turn.stored.id] = turn.waiting
            if len(self._waiting) > MAX_PARENTS:
                del self._waiting[next(iter(self._waiting))]

    def added(self, body: JsonObject) -> JsonObject:
        """Return a request with what has waited for it."""
        waiting = self._waiting.get(str(body.get("previous_response_id")))
        return body if waiting is None else {**body, "input": with_waiting(body.get("input"), waiting)}

    def forget(self, body: JsonObject) -> None:
        """Forget what has waited for a request that has started."""
        self._waiting.pop(str(body.get("previous_response_id")), None)
