"""One generation from admission to its terminal event. The pipeline does the I/O; the generation decides.

The task that runs `Pipeline.run` owns everything that a generation holds: its slot, its calls and its timer. A command
and a failure take the same path: what the task waits for is cut short, the connection is closed where it was opened,
and the generation decides what that means.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final

from gateway.admission.slots import SlotRequest, SlotState
from gateway.billing.budgets import BudgetCharge
from gateway.clock import Clock, RestartableTimer
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.log_fields import log_fields
from gateway.pipeline.admission import SlotSource
from gateway.pipeline.budget_meter import BudgetMeter
from gateway.pipeline.hedged_call import CallFailure, HedgedCall
from gateway.protocol.commands import FeedbackRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import InterruptedBy
from gateway.routing.breaker import PROVIDER_FAULTS
from gateway.routing.model import Model
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.security.principals import Principal
from gateway.telemetry.observer import UNOBSERVED, Observer

logger = logging.getLogger(__name__)

FAILOVER_CODES = PROVIDER_FAULTS | {Code.TOO_SLOW, Code.RATE_LIMIT, Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA}
"""Failures in mid-answer after which another upstream may continue, if failover is on."""

_COMMANDED: Final = frozenset({State.STOPPING, State.REVISING})
"""States in which a command waits for the connection to be closed."""


class Pipeline:
    """Runs one generation.

    Raises:
        Refused: `queue_full`, from the constructor.
    """

    __slots__ = (
        *(
            "_asks_again",
            "_awaited_targets",
            "_call",
            "_clock",
            "_failures",
            "_first_call_at",
            "_internal_failure",
            "_meter",
            "_model",
            "_observer",
            "_prompt_version",
            "_route",
        ),
        *("_is_surrendered", "_slot_changed", "_slot_request", "_slots", "_stop_waiting", "_target", "_timer"),
        "generation",
    )

    def __init__(
        self,
        generation: Generation,
        model: Model,
        slots: SlotSource,
        clock: Clock,
        principal: Principal,
        budget_charge: BudgetCharge | None = None,
        *,
        observer: Observer = UNOBSERVED,
        asks_again: bool = False,
    ) -> None:
        """`asks_again`: no target continues the text that the generation has, since its owner has died."""
        self.generation = generation
        self._asks_again = asks_again
        self._model = model
        self._slots = slots
        self._clock = clock
        self._observer = observer
        self._meter = BudgetMeter(generation, clock, budget_charge)
        self._stop_waiting: Callable[[], None] | None = None
        """Ends at once what the task waits for. The task sets it before it checks the fence: no command is missed."""
        self._timer: RestartableTimer | None = None
        """Bounds a wait; most generations wait for nothing but their call."""
        self._first_call_at: float | None = None
        self._route: Route | None = None
        self._call: HedgedCall | None = None
        """The one that runs."""
        self._prompt_version = 0
        self._target = model.targets[0]
        self._awaited_targets: Sequence[Target] = ()
        """Targets that have all the calls they may have, in whose queues it waits."""
        self._failures: list[CallFailure] = []
        """Failures of the last hedged call."""
        self._internal_failure: Failed | None = None
        self._is_surrendered = False
        self._slot_changed: asyncio.Event | None = None
        self._slot_request: SlotRequest = slots.request(
            principal.id, self._clock.now(), self._on_slot_changed, principal.limits.max_concurrent
        )

    async def run(self) -> None:
        """Bring the generation to its terminal event; it always gets one, and nothing is left open."""
        generation = self.generation
        try:
            if self.is_queued:
                await self._wait_for_slot()
            self._finish_wait()
            if generation.end is None:
                self._leave_queue()
            while generation.end is None:
                # A call has no coroutine here: every idle stream holds those between this one and its socket.
                route = self._current_route()
                if self._target.is_full:
                    await self._wait_for_target(route)
                elif (calls := self._begin_call(route)) is not None:
                    await calls
                self._finish_wait()
                if self._failures:
                    await self._after_call()
                    self._finish_wait()
        except Exception:  # the task's boundary: a fault of ours must end the generation too
            ids = generation.id, generation.request_id
            fields = log_fields("generation_fault", generation=ids[0], request=ids[1])
            logger.exception("generation %s, request %s", *ids, extra=fields)
            message = f"The gateway failed; its log has the reason under request {generation.request_id}."
            self._internal_failure = Failed(Code.SERVER_ERROR, message, retryable=False)
        finally:
            self.release()

    def release(self) -> None:
        """Release everything it holds and ensure the terminal event; a second time does nothing.

        The generation still runs here only if the task was cancelled, or was never started, or after a fault of ours.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._stop_waiting = self._slot_changed = None
        if self._call is not None:
            self._call.release()
            self._call = None
        generation, now = self.generation, self._clock.now()
        self._slots.release(self._slot_request, now)
        if self._is_surrendered:
            return
        if generation.state in _COMMANDED:
            generation.on_closed(now)
        if generation.end is None:
            message = "The gateway is shutting down: start again on another gateway, or later."
            generation.on_failed(self._internal_failure or Failed(Code.SHUTTING_DOWN, message), now)

    def surrender(self) -> None:
        """Append nothing more: another gateway has taken the generation over. The caller cancels the task."""
        self._is_surrendered = True
        self._cut_wait_short()

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> bool:
        """Stop the generation in any state; return True if it was running. See `Generation.interrupt`."""
        stopped = self.generation.interrupt(by, reason, read_at)
        if stopped:
            self._cut_wait_short()
        return stopped

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> None:
        """Record feedback in any state; see `Generation.feedback`."""
        if self.generation.feedback(feedback_id, request, read_at):
            self._cut_wait_short()

    @property
    def is_queued(self) -> bool:
        """Return True if it waits for a slot."""
        return self._slot_request.state is SlotState.WAITING

    @property
    def queue_position(self) -> int:
        """Return the place in the queue, from 1; 0 if it does not wait for a slot."""
        return self._slot_request.position if self.is_queued else 0

    def delays_others(self, gone: int = 1) -> bool:
        """Return True if others wait in one of its queues; `gone` of those that wait for a slot do not count."""
        if self.is_queued and self._slots.queued > gone:
            return True
        return bool(self._awaited_targets) and any(target.waiting > 1 for target in self._awaited_targets)

    # From the queue to the first call.

    def _finish_wait(self) -> None:
        """Clean up after a wait, and let the generation act on the command that may have cut it short."""
        self._stop_waiting = None
        if self._call is not None:
            self._failures = self._call.collect_failures()
            self._call.release()
            self._call = None
        if self._timer is not None:
            self._timer.cancel()
        if self.generation.state in _COMMANDED:
            self.generation.on_closed(self._clock.now())

    def _wait_timer(self) -> RestartableTimer:
        if self._timer is None:
            self._timer = RestartableTimer(self._clock)
        return self._timer

    async def _wait_for_slot(self) -> None:
        slot_request, queue_timeout = self._slot_request, self._model.policy.limits.queue_timeout
        self._slot_changed = asyncio.Event()
        self._stop_waiting = self._slot_changed.set
        if queue_timeout:
            self._wait_timer().start_limit(queue_timeout, self._on_queue_timeout)
        # A command or the time limit may come in the same turn of the event loop as the slot.
        while slot_request.state is SlotState.WAITING and not self.generation.state.fenced:
            self.generation.on_queued(slot_request.position, self._slots.eta_ms(slot_request))
            await self._slot_changed.wait()
            self._slot_changed.clear()

    def _on_queue_timeout(self) -> None:
        seconds = self._model.policy.limits.queue_timeout
        failure = Failed(Code.QUEUE_TIMEOUT, f"No slot became free within {seconds:g} seconds.", retry_after_ms=1000)
        self.generation.on_failed(failure, self._clock.now())
        self._cut_wait_short()

    def _leave_queue(self) -> None:
        if self._slot_request.state is SlotState.EVICTED:
            message = "The queue is full, and you have more requests in it than others: try again later."
            failure = Failed(Code.QUEUE_FULL, message, retry_after_ms=1000)
            self.generation.on_failed(failure, self._clock.now())
            return
        self.generation.on_admitted(self._clock.now())

    # One hedged call.

    def _current_route(self) -> Route:
        """Return the route of the prompt as it stands; a new one begins at its first target."""
        route = self._route
        if route is None or self._prompt_version != self.generation.prompt_version:
            now = self._clock.now()
            self._route = route = Route(self._model, now)
            self._prompt_version, self._target = self.generation.prompt_version, route.first_target(now)
            if self._asks_again:
                route.cannot_continue, self._asks_again = tuple(self._model.targets), False
        return route

    def _begin_call(self, route: Route) -> Awaitable[None] | None:
        """Begin a hedged call; return what to await until it is over, or None if no call was made."""
        if self._first_call_at is None:
            self._first_call_at = self._clock.now()
        self._call = HedgedCall(self.generation, route, self._clock, self._meter, self._first_call_at, self._observer)
        self._stop_waiting = self._call.cancel
        return self._call.start(self._target)

    async def _wait_for_target(self, route: Route) -> None:
        """Wait while the targets have all the calls they may have: every target, or the one that was chosen."""
        targets = (self._target,) if route.calls else self._model.targets
        changed, queue_timeout = asyncio.Event(), self._model.policy.limits.queue_timeout
        self._stop_waiting = wake = changed.set
        if queue_timeout:
            self._wait_timer().start_limit(queue_timeout, self._on_queue_timeout)
        position, self._awaited_targets = min([target.add_waiter(wake) for target in targets]), targets
        self.generation.on_queued(position, None)
        try:
            while self._target.is_full and not self.generation.state.fenced:
                await changed.wait()
                changed.clear()
                if not route.calls:
                    self._target = route.first_target(self._clock.now())
        finally:
            self._stop_waiting, self._awaited_targets = None, ()
            if self._timer is not None:
                self._timer.cancel()
            for target in targets:
                target.remove_waiter(wake)
        if self.generation.state.fenced:
            route.record_refusal(self._target)

    # Between two calls.

    async def _after_call(self) -> None:
        """Decide what follows failures: another call, perhaps after a wait, or the end."""
        generation, route, now = self.generation, self._route, self._clock.now()
        failures, self._failures = self._failures, []
        # The failures of a prompt that feedback has replaced no longer matter.
        if (
            not failures
            or route is None
            or generation.state.is_terminal
            or self._prompt_version != generation.prompt_version
        ):
            return
        target, failure, attempt = failures[-1]
        if failure.code is Code.INVALID_REQUEST and attempt is not None and attempt.continues and route.has_calls_left:
            # In spite of its preset, this model does not continue a text: ask it for a new one.
            route.cannot_continue += (target,)
            self._retry(failure, 0, target, attempt)
            return
        for target, failure, _ in failures:
            route.record_failure(target, failure, now)
        following = self._next_target(route, failure, now)
        if following is None:
            generation.on_failed(failure, now)
            return
        self._target, delay = following
        self._retry(failure, round(delay * 1000), target, attempt)
        if delay > 0:
            await self._wait_for_retry(delay)
        if generation.state.fenced:
            route.record_refusal(self._target)

    def _retry(self, failure: Failed, delay_ms: int, target: Target, attempt: Attempt | None) -> None:
        self.generation.on_retry(failure, delay_ms, target.name, attempt)
        self._observer.on_retry(self.generation, failure, target.name, self._target.name)

    async def _wait_for_retry(self, delay: float) -> None:
        woken = asyncio.Event()
        self._stop_waiting = woken.set
        self._wait_timer().start(delay, woken.set)
        if not self.generation.state.fenced:
            await woken.wait()

    def _next_target(self, route: Route, failure: Failed, now: float) -> tuple[Target, float] | None:
        """Return the target to call next and the delay in seconds; after content, only for failover."""
        policy = self._model.policy
        if self.generation.state is State.STREAMING and not (
            policy.failover and failure.code in FAILOVER_CODES and self.generation.is_only_text
        ):
            return None
        total_timeout, first_call_at = policy.limits.total_timeout, self._first_call_at
        left = first_call_at + total_timeout - now if total_timeout and first_call_at is not None else inf
        return route.next_target(now, left)

    def _on_slot_changed(self) -> None:
        if self._slot_changed is not None:
            self._slot_changed.set()

    def _cut_wait_short(self) -> None:
        if self._stop_waiting is not None:
            self._stop_waiting()
