"""One generation from admission over its attempts to its terminal event. It does the I/O; the generation decides.

The task that runs `Pipeline.run` owns everything a generation holds: its slot, its calls, its timer.
A command and a failure take the same road: what is awaited is cut, the connection is closed where it was
opened, and the generation says what that means.
"""

import asyncio
import logging
from collections.abc import Callable
from math import inf

from gateway.admission.slots import SlotRequest, Slots, SlotState
from gateway.billing.budgets import BudgetCharge
from gateway.clock import Clock, Timer
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.budget_meter import BudgetMeter
from gateway.pipeline.hedged_call import Failure, HedgedCall
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import InterruptedBy
from gateway.routing.breaker import PROVIDER_FAULTS
from gateway.routing.model import Model
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.security.principals import Principal

logger = logging.getLogger(__name__)

FAILOVER_CODES = PROVIDER_FAULTS | {Code.TOO_SLOW, Code.RATE_LIMIT}
"""Failures in mid-answer after which another upstream may go on, where that is wanted."""


class Pipeline:
    """Runs one generation.

    Raises:
        Refused: `queue_full`, when it is made.
    """

    __slots__ = (
        *("_clock", "_cut", "_failures", "_fault", "_first_call", "_meter", "_model", "_moved", "_route"),
        *("_slots", "_target", "_slot_request", "_timer", "_turn", "generation"),
    )

    def __init__(
        self,
        generation: Generation,
        model: Model,
        slots: Slots,
        clock: Clock,
        principal: Principal,
        charge: BudgetCharge | None = None,
    ) -> None:
        self.generation = generation
        self._model = model
        self._slots = slots
        self._clock = clock
        self._meter = BudgetMeter(generation, clock, charge)
        self._cut: Callable[[], None] | None = None
        """Ends at once what the task waits for. Whoever sets it looks at the fence afterwards, before waiting."""
        self._timer: Timer | None = None
        self._first_call: float | None = None
        self._route: Route | None = None
        self._turn = 0
        self._target = model.targets[0]
        self._failures: list[Failure] = []
        """Of the last round."""
        self._fault: Failed | None = None
        self._moved: asyncio.Event | None = None
        self._slot_request: SlotRequest = slots.request(
            principal.id, self._clock.now(), self._wake, principal.limits.max_concurrent
        )

    async def run(self) -> None:
        """Carry the generation to its terminal event; whatever happens, it gets one, and nothing is left open."""
        generation = self.generation
        try:
            if self._slot_request.state is SlotState.WAITING:
                await self._wait_for_slot()
            self._cut_short()
            if not generation.state.is_terminal:
                self._enter()
            while not generation.state.is_terminal:
                await self._attempt()
                self._cut_short()
                await self._after_attempt()
                self._cut_short()
        except Exception:  # the task's boundary: a fault of ours must end the generation too
            logger.exception("generation %s, request %s", generation.id, generation.request_id)
            message = f"The gateway failed; it is logged under request {generation.request_id}."
            self._fault = Failed(Code.SERVER_ERROR, message, retryable=False)
        finally:
            self.release()

    def release(self) -> None:
        """Give back all that it holds and see to the terminal event; a second time does nothing.

        Only a task that was cancelled, or not even begun, and a fault of ours come here with the generation running.
        """
        self._disarm()
        self._cut = self._moved = None
        self._slots.release(self._slot_request, self._clock.now())
        generation, now = self.generation, self._clock.now()
        generation.closed(now)
        if not generation.log.ended:
            shutting_down = "The gateway is shutting down: start again elsewhere or later."
            generation.failed(self._fault or Failed(Code.SHUTTING_DOWN, shutting_down), now)

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> None:
        """Stop it, in whatever state; see `Generation.interrupt`."""
        if self.generation.interrupt(by, reason, read_at):
            self._cancel()

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> None:
        """Take feedback, in whatever state; see `Generation.feedback`."""
        if self.generation.feedback(feedback_id, request, read_at):
            self._cancel()

    # From the queue to the first call.

    def _cut_short(self) -> None:
        """Draw the consequence, if a command has cut short what was waited for."""
        self._cut = None
        self._disarm()
        self.generation.closed(self._clock.now())

    async def _wait_for_slot(self) -> None:
        slot_request, limits = self._slot_request, self._model.policy.limits
        self._moved = asyncio.Event()
        self._cut = self._moved.set
        if limits.queue_timeout:
            self._timer = self._clock.call_later(limits.queue_timeout, self._queue_timed_out)
        # A command or the time limit may come in the same turn as the call that wakes us.
        while slot_request.state is SlotState.WAITING and not self.generation.state.fenced:
            self.generation.queued(slot_request.position, self._slots.eta_ms(slot_request))
            await self._moved.wait()
            self._moved.clear()

    def _queue_timed_out(self) -> None:
        seconds = self._model.policy.limits.queue_timeout
        failure = Failed(Code.QUEUE_TIMEOUT, f"No slot became free within {seconds:g} seconds.", retry_after_ms=1000)
        self.generation.failed(failure, self._clock.now())
        self._cancel()

    def _enter(self) -> None:
        if self._slot_request.state is SlotState.EVICTED:
            message = "The queue is full, and you have more waiting in it than others: try again later."
            failure = Failed(Code.QUEUE_FULL, message, retry_after_ms=1000)
            self.generation.failed(failure, self._clock.now())
            return
        self.generation.admitted(self._clock.now())

    # A round of calls.

    async def _attempt(self) -> None:
        route = self._route
        if route is None or self._turn != self.generation.turn:
            now = self._clock.now()
            self._route = route = Route(self._model, now)
            self._turn, self._target = self.generation.turn, route.first_target(now)
        if self._target.is_full:
            await self._wait_for_room(route)
        if self.generation.state.fenced:
            route.record_refusal(self._target)
            return
        if self._first_call is None:
            self._first_call = self._clock.now()
        one = HedgedCall(self.generation, route, self._clock, self._meter, self._first_call)
        self._cut = one.cut
        try:
            await one.run(self._target)
            # What went wrong holds the frames that it went through, and they hold the round: a circle.
            self._failures, one.failures = one.failures, []
        finally:
            one.release()

    async def _wait_for_room(self, route: Route) -> None:
        """Wait while all calls are taken that the targets may have at once: of all of them, or of the one chosen."""
        targets = (self._target,) if route.calls else self._model.targets
        room, limit = asyncio.Event(), self._model.policy.limits.queue_timeout
        self._cut = wake = room.set
        if limit:
            self._timer = self._clock.call_later(limit, self._queue_timed_out)
        place = min([target.add_waiter(wake) for target in targets])
        self.generation.queued(place, None)
        try:
            while self._target.is_full and not self.generation.state.fenced:
                await room.wait()
                room.clear()
                if not route.calls:
                    self._target = route.first_target(self._clock.now())
        finally:
            self._cut = None
            self._disarm()
            for target in targets:
                target.remove_waiter(wake)

    # Between two rounds.

    async def _after_attempt(self) -> None:
        """See what is to follow failures: another round, perhaps after a wait, or the end."""
        generation, route, now = self.generation, self._route, self._clock.now()
        failures, self._failures = self._failures, []
        # A round whose text feedback has made obsolete may end as it likes.
        if not failures or route is None or generation.state.is_terminal or self._turn != generation.turn:
            return
        target, failure, attempt = failures[-1]
        if failure.code is Code.INVALID_REQUEST and attempt is not None and attempt.continues and route.has_calls_left:
            # Whatever its preset says, this model does not go on from a text that others began.
            route.cannot_continue += (target,)
            generation.retrying(failure, 0, target.name, attempt)
            return
        for target, failure, _ in failures:
            route.record_failure(target, failure, now)
        following = self._following(route, failure, now)
        if following is None:
            generation.failed(failure, now)
            return
        self._target, delay = following
        generation.retrying(failure, round(delay * 1000), target.name, attempt)
        if delay > 0:
            woken = asyncio.Event()
            self._cut = woken.set
            self._timer = self._clock.call_later(delay, woken.set)
            if not generation.state.fenced:
                await woken.wait()
        if generation.state.fenced:
            route.record_refusal(self._target)

    def _following(self, route: Route, failure: Failed, now: float) -> tuple[Target, float] | None:
        """Decide whom to call next, and after how many seconds; once content has come, only for failover."""
        policy = self._model.policy
        if self.generation.state is State.STREAMING and not (
            policy.failover and failure.code in FAILOVER_CODES and not self.generation.calls_tools
        ):
            return None
        total, first = policy.limits.total_timeout, self._first_call
        return route.next_target(now, first + total - now if total and first is not None else inf)

    def _wake(self) -> None:
        if self._moved is not None:
            self._moved.set()

    def _cancel(self) -> None:
        if self._cut is not None:
            self._cut()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
