"""One generation from admission over its attempts to its terminal event. It does the I/O; the generation decides.

The task that runs `Pipeline.run` owns everything a generation holds: its slot, its calls, its timer.
A command and a failure take the same road: what is awaited is cut, the connection is closed where it was
opened, and the generation says what that means.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf

from gateway.admission.budgets import Spending
from gateway.admission.slots import Place, Slots, Ticket
from gateway.attempts.attempt import Attempt
from gateway.attempts.breaker import PROVIDER_FAULTS
from gateway.attempts.joint import Joint
from gateway.calling import Calling
from gateway.clock import Clock, Timer
from gateway.commands import FeedbackRequest, JsonObject
from gateway.errors import Code, Failed
from gateway.events import Content, InterruptedBy, Run
from gateway.generation import Generation
from gateway.prices import MILLION
from gateway.routing.model import Model
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.states import State
from gateway.upstreams.base import Call
from gateway.usage import BYTES_PER_TOKEN, estimate_output

logger = logging.getLogger(__name__)

DIED = PROVIDER_FAULTS | {Code.TOO_SLOW, Code.RATE_LIMIT}
"""Failures in mid-answer after which another upstream may go on, where that is wanted."""

CHARGE_BYTES = 256
"""After how much text the budget is looked at again: some 64 tokens, or fewer when less than that is left."""


class Pipeline:
    """Runs one generation.

    Raises:
        Refused: `queue_full`, when it is made.
    """

    __slots__ = (
        *("_answering", "_callings", "_charge_at", "_clock", "_cut", "_failures", "_fault", "_first_call"),
        *("_model", "_moved", "_route", "_slots", "_spending", "_target", "_ticket", "_timer"),
        *("_turn", "_winner", "generation"),
    )

    def __init__(
        self,
        generation: Generation,
        model: Model,
        slots: Slots,
        clock: Clock,
        principal: str = "",
        spending: Spending | None = None,
    ) -> None:
        self.generation = generation
        self._model = model
        self._slots = slots
        self._clock = clock
        self._spending = spending
        self._charge_at = inf
        self._cut: Callable[[], None] | None = None
        """Ends at once what the task waits for. Whoever sets it looks at the fence afterwards, before waiting."""
        self._timer: Timer | None = None
        self._first_call: float | None = None
        self._route: Route | None = None
        self._turn = 0
        self._answering: tuple[Target, ...] = ()
        """Targets that refused to go on from a text: they are asked anew."""
        self._target = model.targets[0]
        self._callings: list[Calling] = []
        self._winner: Calling | None = None
        self._failures: list[tuple[Target, Failed, Attempt | None]] = []
        """Of this round: one, or both of a race."""
        self._fault: Failed | None = None
        self._moved: asyncio.Event | None = None
        self._ticket: Ticket = slots.request(principal, self._clock.now(), self._wake)

    async def run(self) -> None:
        """Carry the generation to its terminal event; whatever happens, it gets one, and nothing is left open."""
        generation = self.generation
        try:
            if self._ticket.place is Place.WAITING:
                await self._wait_for_slot()
            self._cut_short()
            if not generation.state.over:
                self._enter()
            while not generation.state.over:
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
        self._end_calls()
        self._cut = self._moved = None
        self._slots.release(self._ticket, self._clock.now())
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

    # What a call tells; see `calling.Listener`.

    def opened(self, calling: Calling) -> None:
        """Tell who accepted the call."""
        self.generation.opened(calling.attempt)

    def content(self, calling: Calling, content: Sequence[Content | Run], now: float) -> None:
        """Take content: the first call with some has won, and only that one brings any."""
        if self._winner is not calling:
            self._win(calling)
        self.generation.take(content, now)
        if calling.attempt.text_bytes >= self._charge_at:
            self._charge(calling.attempt)

    def finished(self, calling: Calling, now: float) -> None:
        """End the generation, but for a call that ended without a word while another one may still bring some."""
        if self._winner is calling or all(other.over for other in self._callings):
            self.generation.won(calling.attempt)
            self.generation.finished(now)

    def _win(self, calling: Calling) -> None:
        self._winner = calling
        self._disarm()
        for other in self._callings:
            if other is not calling:
                other.lose()
        self.generation.won(calling.attempt)

    # From the queue to the first call.

    def _cut_short(self) -> None:
        """Draw the consequence, if a command has cut short what was waited for."""
        self._cut = None
        self._disarm()
        self.generation.closed(self._clock.now())

    async def _wait_for_slot(self) -> None:
        ticket, limits = self._ticket, self._model.policy.limits
        self._moved = asyncio.Event()
        self._cut = self._moved.set
        if limits.queue:
            self._timer = self._clock.call_later(limits.queue, self._queue_timed_out)
        # A command or the time limit may come in the same turn as the call that wakes us.
        while ticket.place is Place.WAITING and not self.generation.state.fenced:
            self.generation.queued(ticket.position, self._slots.eta_ms(ticket))
            await self._moved.wait()
            self._moved.clear()

    def _queue_timed_out(self) -> None:
        seconds = self._model.policy.limits.queue
        failure = Failed(Code.QUEUE_TIMEOUT, f"No slot became free within {seconds:g} seconds.", retry_after_ms=1000)
        self.generation.failed(failure, self._clock.now())
        self._cancel()

    def _enter(self) -> None:
        if self._ticket.place is Place.EVICTED:
            message = "The queue is full, and you have more waiting in it than others: try again later."
            failure = Failed(Code.QUEUE_FULL, message, retry_after_ms=1000)
            self.generation.failed(failure, self._clock.now())
            return
        self.generation.admitted(self._clock.now())

    # One round of calls: one, or two in a race.

    async def _attempt(self) -> None:
        if self._route is None or self._turn != self.generation.turn:
            now = self._clock.now()
            self._route, self._turn = Route(self._model, now), self.generation.turn
            self._target = self._route.first(now)
        if self._target.full:
            await self._wait_for_room(self._route)
        if self.generation.state.fenced:
            self._route.refused(self._target)
            return
        if self._first_call is None:
            self._first_call = self._clock.now()
        try:
            await self._round(self._target, self._route)
            self._take_stock()
        finally:
            self._end_calls()

    async def _wait_for_room(self, route: Route) -> None:
        """Wait while all calls are taken that the targets may have at once: of all of them, or of the one chosen."""
        targets = (self._target,) if route.calls else self._model.targets
        room, limit = asyncio.Event(), self._model.policy.limits.queue
        self._cut = wake = room.set
        if limit:
            self._timer = self._clock.call_later(limit, self._queue_timed_out)
        place = min([target.wait(wake) for target in targets])
        self.generation.queued(place, None)
        try:
            while self._target.full and not self.generation.state.fenced:
                await room.wait()
                room.clear()
                if not route.calls:
                    self._target = route.first(self._clock.now())
        finally:
            self._cut = None
            self._disarm()
            for target in targets:
                target.leave(wake)

    async def _round(self, target: Target, route: Route) -> None:
        try:
            calling = self._call(target, route)
        except Failed as failure:
            self._failures.append((target, failure, None))
            return
        self._cut = self._cut_calls
        if self.generation.state.fenced:
            self._cut_calls()
        after = None if self.generation.begun else self._model.hedge_after(target)
        await (calling.run() if after is None else self._race(calling, route, after))

    async def _race(self, calling: Calling, route: Route, after: float) -> None:
        """Make a call, and if no content comes for `after` seconds, another one beside it."""
        async with asyncio.TaskGroup() as group:
            self._timer = self._clock.call_later(after, partial(self._hedge, calling, route, group))
            await calling.run()
            self._disarm()
            other = next((other for other in self._callings if not other.over), None)
            if other is None:
                # Who ends last stands last: that one's failure is told.
                self._callings.sort(key=lambda one: one is calling)
            elif calling.failure is not None and self._winner is None:
                self.generation.left_to(other.attempt, calling.failure, calling.attempt)

    def _hedge(self, calling: Calling, route: Route, group: asyncio.TaskGroup) -> None:
        self._timer = None
        beside = None if calling.over else route.beside(calling.target, self._clock.now())
        if beside is not None:
            # A second one that is not let through, or not paid for, is none: the first goes on as if it were alone.
            with suppress(Failed):
                group.create_task(self._call(beside, route).run())

    def _call(self, target: Target, route: Route) -> Calling:
        """Have a target let a call through.

        Raises:
            Failed: when it does not, or when there is no budget for it.
        """
        generation, now = self.generation, self._clock.now()
        name = target.upstream_model(generation.model)
        joint = self._joint(target, name) if generation.begun else None
        options = self._options(joint)
        try:
            probe = target.admit(now)
        except Failed:
            route.refused(target)
            raise
        attempt = generation.attempt(
            target.name,
            name,
            target.price_of(generation.model),
            prefix="" if joint is None else joint.prefix,
            anew=generation.begun and joint is None,
        )
        calling = Calling(
            target,
            attempt,
            Call(name, attempt.messages, options, continues=joint is not None),
            self._clock,
            self,
            first_call=now if self._first_call is None else self._first_call,
            probe=probe,
            joint=joint,
        )
        self._callings.append(calling)
        try:
            self._charge(attempt)
        except Failed as failure:
            calling.call_off(failure)
            # Its prompt, which was not sent, is given back at once: other answers share the budget.
            self._left()
            route.refused(target)
            raise
        route.called(target)
        return calling

    def _joint(self, target: Target, name: str) -> Joint | None:
        """Go on with the text of an attempt that died; None if the target can't: then it is begun anew."""
        if target in self._answering:
            return None
        joint = Joint(self.generation.log.text())
        call = Call(name, (), self.generation.options, continues=True)
        return joint if joint.prefix and target.upstream.continues(call) else None

    def _options(self, joint: Joint | None) -> JsonObject:
        """Give the options of a call; its bound is the lower one of the client's and ours, less what is there."""
        options, most = self.generation.options, self._model.policy.max_output_tokens
        asked = options.get("max_tokens")
        bounds = [bound for bound in (asked, most) if isinstance(bound, int)]
        if not bounds:
            return options
        there = 0 if joint is None else estimate_output(len(joint.prefix.encode()))
        return {**options, "max_tokens": max(1, min(bounds) - there)}

    def _charge(self, attempt: Attempt) -> None:
        """Charge the budget with what the generation cost up to now.

        Raises:
            Failed: `budget_exceeded`.
        """
        if self._spending is None:
            return
        left, price = self._left(), attempt.price
        if left <= 0:
            raise self._spending.budgets.exceeded(self._clock.unix())
        if price is not None and price.output:
            affordable = left / price.output * MILLION * BYTES_PER_TOKEN
            self._charge_at = attempt.text_bytes + max(BYTES_PER_TOKEN, min(CHARGE_BYTES, affordable))

    def _left(self) -> float:
        """Charge the budget, and give what is left of it."""
        if self._spending is None:
            return inf
        return self._spending.settle(self.generation.charged(), self._clock.unix())

    def _take_stock(self) -> None:
        """Look what became of the calls of a round."""
        self._failures += [
            (calling.target, calling.failure, calling.attempt)
            for calling in self._callings
            if calling.failure is not None
        ]
        silent = next((calling for calling in self._callings if calling.whole), None)
        if silent is not None and self._winner is None and not self.generation.state.fenced:
            # It ended without a word while another one was still running, which then brought nothing either.
            self._failures.clear()
            self.generation.won(silent.attempt)
            self.generation.finished(self._clock.now())

    def _end_calls(self) -> None:
        for calling in self._callings:
            calling.release()
            # What went wrong holds the frames that it went through, and they hold the call: a circle.
            calling.failure = None
        self._callings.clear()
        self._winner, self._charge_at = None, inf

    # Between two rounds.

    async def _after_attempt(self) -> None:
        """See what is to follow failures: another round, perhaps after a wait, or the end."""
        generation, route, now = self.generation, self._route, self._clock.now()
        failures, self._failures = self._failures, []
        # A round whose text feedback has made obsolete may end as it likes.
        if not failures or route is None or generation.state.over or self._turn != generation.turn:
            return
        target, failure, attempt = failures[-1]
        if failure.code is Code.INVALID_REQUEST and attempt is not None and attempt.continues and route.more:
            # Whatever its preset says, this model does not go on from a text that others began.
            self._answering += (target,)
            generation.retrying(failure, 0, target.name, attempt)
            return
        for target, failure, _ in failures:
            route.failed(target, failure, now)
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
            route.refused(self._target)

    def _following(self, route: Route, failure: Failed, now: float) -> tuple[Target, float] | None:
        """Decide whom to call next, and after how many seconds; once content has come, only for failover."""
        policy = self._model.policy
        if self.generation.state is State.STREAMING and not (
            policy.failover and failure.code in DIED and not self.generation.calls_tools
        ):
            return None
        total, first = policy.limits.total, self._first_call
        return route.next(now, first + total - now if total and first is not None else inf)

    def _cut_calls(self) -> None:
        for calling in self._callings:
            calling.cut()

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
