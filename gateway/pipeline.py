"""One generation from admission over its attempts to its terminal event. It does the I/O; the generation decides.

The task that runs `Pipeline.run` owns everything a generation holds: its slot, its upstream connection, its timer.
A command and a failure take the same road: what is awaited is cancelled, the connection is closed where it was
opened, and the generation says what that means.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import anyio

from gateway.admission.slots import Place, Slots, Ticket
from gateway.attempts.watchdog import Watchdog
from gateway.clock import Clock, Timer
from gateway.commands import FeedbackRequest
from gateway.errors import Code, Failed
from gateway.events import Content, InterruptedBy, Run, Usage
from gateway.generation import Generation
from gateway.routing.model import Model
from gateway.states import State
from gateway.upstreams.base import Answer, Call, Finish, Part

logger = logging.getLogger(__name__)


class Pipeline:
    """Runs one generation.

    Raises:
        Refused: `queue_full`, when it is made.
    """

    def __init__(
        self,
        generation: Generation,
        model: Model,
        slots: Slots,
        clock: Clock,
        principal: str = "",
    ) -> None:
        self.generation = generation
        self._provider = model.targets[0]
        self._slots = slots
        self._clock = clock
        self._policy = model.policy
        self._cut: Callable[[], None] | None = None
        """Ends at once what the task waits for. Whoever sets it looks at the fence afterwards, before waiting."""
        self._timer: Timer | None = None
        self._failure: Failed | None = None
        self._first_call: float | None = None
        self._watchdog: Watchdog | None = None
        self._admitted = self._settled = self._probe = self._given_up = False
        self._tries = self._tries_of = 0
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
            self._failure = Failed(Code.SERVER_ERROR, message, retryable=False)
        finally:
            self.release()

    def release(self) -> None:
        """Give back all that it holds and see to the terminal event; a second time does nothing.

        Only a task that was cancelled, or not even begun, and a fault of ours come here with the generation running.
        """
        self._disarm()
        self._settle(None)
        self._cut = self._moved = None
        self._slots.release(self._ticket, self._clock.now())
        generation, now = self.generation, self._clock.now()
        generation.closed(now)
        if not generation.log.ended:
            shutting_down = "The gateway is shutting down: start again elsewhere or later."
            generation.failed(self._failure or Failed(Code.SHUTTING_DOWN, shutting_down), now)

    def interrupt(self, by: InterruptedBy, reason: str | None, read_at: float) -> None:
        """Stop it, in whatever state; see `Generation.interrupt`."""
        if self.generation.interrupt(by, reason, read_at):
            self._cancel()

    def feedback(self, feedback_id: str, request: FeedbackRequest, read_at: float) -> None:
        """Take feedback, in whatever state; see `Generation.feedback`."""
        if self.generation.feedback(feedback_id, request, read_at):
            self._cancel()

    def _cut_short(self) -> None:
        """Draw the consequence, if a command has cut short what was waited for."""
        self._cut = None
        self._disarm()
        self.generation.closed(self._clock.now())

    async def _wait_for_slot(self) -> None:
        ticket = self._ticket
        self._moved = asyncio.Event()
        self._cut = self._moved.set
        if self._policy.limits.queue:
            self._timer = self._clock.call_later(self._policy.limits.queue, self._queue_timed_out)
        # A command or the time limit may come in the same turn as the call that wakes us.
        while ticket.place is Place.WAITING and not self.generation.state.fenced:
            self.generation.queued(ticket.position, self._slots.eta_ms(ticket))
            await self._moved.wait()
            self._moved.clear()

    def _enter(self) -> None:
        if self._ticket.place is Place.EVICTED:
            message = "The queue is full, and you have more waiting in it than others: try again later."
            failure = Failed(Code.QUEUE_FULL, message, retry_after_ms=1000)
            self.generation.failed(failure, self._clock.now())
            return
        self.generation.admitted(self._clock.now())

    async def _attempt(self) -> None:
        generation, provider, now = self.generation, self._provider, self._clock.now()
        if self._first_call is None:
            self._first_call = now
        if self._tries_of != generation.revision:
            self._tries, self._tries_of = 0, generation.revision
        self._tries += 1
        try:
            self._probe = provider.breaker.admit(now)
        except Failed as failure:
            if self._tries > 1:
                provider.retry_budget.refund()
            self._failure = failure
            return
        if not generation.attempts:
            provider.retry_budget.deposit()
        messages = generation.attempt().messages
        self._watchdog = Watchdog(self._policy.limits, self._first_call, now)
        self._admitted, self._settled, self._given_up = True, False, False
        self._watch()
        try:
            await self._call(Call(generation.model, messages, generation.options))
        except Failed as failure:
            self._failure = failure

    async def _call(self, call: Call) -> None:
        generation, answer = self.generation, await self._open(call)
        if answer is None:
            return
        try:
            self._cut = answer.stop
            generation.opened(self._provider.upstream.name, answer.model)
            # It may be cut short in the turn in which the headers come: `open` is done then, its scope stops nothing.
            if not self._decided():
                await answer.stream(self._take)
            if not self._decided():
                self._settle(None, answered=True)
                generation.finished(self._clock.now())
        finally:
            await answer.close()

    def _decided(self) -> bool:
        """Tell whether a command or a limit has ended the attempt."""
        return self.generation.state.fenced or self._failure is not None

    async def _open(self, call: Call) -> Answer | None:
        """Wait for the headers; None when it was cut short."""
        with anyio.CancelScope() as scope:
            self._cut = scope.cancel
            return await self._provider.upstream.open(call)
        return None

    async def _after_attempt(self) -> None:
        """Settle what became of the attempt; if it failed before its first content, perhaps wait for another."""
        generation, now = self.generation, self._clock.now()
        failure, self._failure = self._failure, None
        self._settle(failure)
        if self._admitted:
            # One that we gave up waiting for may have been taken.
            attempt = generation.attempts[-1]
            attempt.refused = failure is not None and not attempt.opened and not self._given_up
        self._admitted = False
        # A try whose text feedback has made obsolete may end as it likes.
        if failure is None or generation.state.over or self._tries_of != generation.revision:
            return
        delay = self._delay(failure)
        if delay is None:
            generation.failed(failure, now)
            return
        generation.retrying(failure, round(delay * 1000), self._provider.upstream.name)
        woken = asyncio.Event()
        self._cut = woken.set
        self._timer = self._clock.call_later(delay, woken.set)
        await woken.wait()

    def _delay(self, failure: Failed) -> float | None:
        """Decide whether to call again, and after how many seconds; never once content has come."""
        if self.generation.state is State.STREAMING or self._first_call is None:
            return None
        elapsed, total = self._clock.now() - self._first_call, self._policy.limits.total
        delay = self._policy.backoff.delay(failure, self._tries, elapsed, self._policy.chance)
        if delay is None or (total and elapsed + delay >= total):
            return None
        return delay if self._provider.retry_budget.withdraw() else None

    def _take(self, parts: Sequence[Part]) -> None:
        """Take what one read brought. This is the path of each chunk: it wakes no task and sets no timer."""
        attempt, watchdog, now = self.generation.attempts[-1], self._watchdog, self._clock.now()
        if watchdog is None:
            return
        content: list[Content | Run] = []
        for part in parts:
            if isinstance(part, Usage):
                attempt.figures(part, final=watchdog.end_marked)
            elif isinstance(part, Finish):
                attempt.finish_reason = part.reason
                watchdog.finish(now)
            else:
                content.append(part)
        changed = watchdog.end_marked
        if content:
            if watchdog.content(content, now):
                changed = True
                self._settle(None, answered=True)
            self.generation.take(content, now)
        # Other limits hold from here on; else the running timer finds out by itself that content came.
        if changed:
            self._watch()

    def _watch(self) -> None:
        """Look whether something has run out, and again when it would."""
        self._disarm()
        watchdog, now = self._watchdog, self._clock.now()
        if watchdog is None or self.generation.state.fenced:
            return
        failure = watchdog.verdict(now)
        if failure is not None:
            self._fail(failure)
        elif watchdog.complete(now):
            # The answer is whole; only its figures are missing.
            self.generation.finished(now)
            self._cancel()
        elif (due := watchdog.due()) is not None:
            self._timer = self._clock.call_later(max(0.0, due - now), self._watch)

    def _settle(self, failure: Failed | None, *, answered: bool = False) -> None:
        """Tell the breaker how the call went: at its first content, and again should it fail after that."""
        if self._admitted and (failure is not None or not self._settled):
            probe = self._probe and not self._settled
            self._provider.breaker.settle(failure, self._clock.now(), answered=answered, probe=probe)
            self._settled = True

    def _queue_timed_out(self) -> None:
        seconds = self._policy.limits.queue
        failure = Failed(Code.QUEUE_TIMEOUT, f"No slot became free within {seconds:g} seconds.", retry_after_ms=1000)
        self.generation.failed(failure, self._clock.now())
        self._cancel()

    def _wake(self) -> None:
        if self._moved is not None:
            self._moved.set()

    def _fail(self, failure: Failed) -> None:
        self._failure, self._given_up = failure, True
        self._cancel()

    def _cancel(self) -> None:
        if self._cut is not None:
            self._cut()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
