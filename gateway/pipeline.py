"""One generation from admission over its attempts to its terminal event. It does the I/O; the generation decides.

The task that runs `Pipeline.run` owns everything a generation holds: its slot, its upstream connection, its timer.
A command and a failure take the same road: what is awaited is cancelled, the connection is closed where it was
opened, and the generation says what that means.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from gateway.admission.slots import Place, Slots, Ticket
from gateway.clock import Clock, Timer
from gateway.commands import FeedbackRequest
from gateway.errors import Code, Failed
from gateway.events import InterruptedBy, Usage
from gateway.generation import Attempt, Generation
from gateway.upstreams.base import Call, Finish, Part, Upstream

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a generation may take where, in seconds; 0 means no limit.

    The first token and a stall are measured between contents: heartbeats and empty deltas reset neither. `tail` is
    the wait for the usage figures after the provider's end mark.
    """

    queue: float = 30.0
    first_token: float = 300.0
    stall: float = 300.0
    tail: float = 5.0


class Pipeline:
    """Runs one generation.

    Raises:
        Refused: `queue_full`, when it is made.
    """

    def __init__(
        self,
        generation: Generation,
        upstream: Upstream,
        slots: Slots,
        clock: Clock,
        limits: Limits,
        principal: str = "",
    ) -> None:
        self.generation = generation
        self._upstream = upstream
        self._slots = slots
        self._clock = clock
        self._limits = limits
        self._scope: anyio.CancelScope | None = None
        self._timer: Timer | None = None
        self._failure: Failed | None = None
        self._waiting_since = 0.0
        self._end_marked = False
        self._moved = anyio.Event()
        self._ticket: Ticket = slots.request(principal, self._wake)

    async def run(self) -> None:
        """Carry the generation to its terminal event; whatever happens, it gets one, and nothing is left open."""
        generation = self.generation
        try:
            await self._stoppable(self._wait_for_slot)
            while not generation.state.over:
                await self._stoppable(self._attempt)
        except Exception:  # the task's boundary: a fault of ours must end the generation too
            logger.exception("generation %s, request %s", generation.id, generation.request_id)
            message = f"The gateway failed; it is logged under request {generation.request_id}."
            self._failure = Failed(Code.SERVER_ERROR, message)
        finally:
            self.release()

    def release(self) -> None:
        """Give back all that it holds and see to the terminal event; a second time does nothing.

        Only a task that was cancelled, or not even begun, and a fault of ours come here with the generation running.
        """
        self._disarm()
        self._slots.release(self._ticket)
        generation, now = self.generation, self._clock.now()
        generation.closed(now)
        if not generation.state.over:
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

    async def _stoppable(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step that a command or a timer may cut short, then let the generation draw the consequence."""
        generation = self.generation
        if not generation.state.fenced:
            with anyio.CancelScope() as self._scope:
                await step()
            self._scope = None
            self._disarm()
        failure, self._failure = self._failure, None
        if failure is not None and not generation.state.over:
            generation.failed(failure, self._clock.now())
        generation.closed(self._clock.now())

    async def _wait_for_slot(self) -> None:
        ticket = self._ticket
        if ticket.place is Place.WAITING and self._limits.queue:
            self._timer = self._clock.call_later(self._limits.queue, self._queue_timed_out)
        while ticket.place is Place.WAITING:
            self.generation.queued(ticket.position, None)
            await self._moved.wait()
            self._moved = anyio.Event()
        self.generation.admitted(self._clock.now())

    async def _attempt(self) -> None:
        generation = self.generation
        attempt = generation.attempt()
        call = Call(generation.model, attempt.messages, generation.request.options.for_provider())
        self._end_marked = False
        self._waiting_since = self._clock.now()
        self._watch()
        try:
            async with self._upstream.open(call) as answer:
                generation.opened(self._upstream.name, answer.model)
                async for parts in answer:
                    self._take(parts, attempt)
                generation.finished(self._clock.now())
        except Failed as failure:
            attempt.refused = not attempt.opened
            generation.failed(failure, self._clock.now())

    def _take(self, parts: Sequence[Part], attempt: Attempt) -> None:
        content = []
        for part in parts:
            if isinstance(part, Usage):
                attempt.usage = part
            elif isinstance(part, Finish):
                attempt.finish_reason = part.reason
                self._end_marked = True
            else:
                content.append(part)
        first = not attempt.text_bytes
        if content:
            self._waiting_since = self._clock.now()
            self.generation.take(content, self._waiting_since)
        # Another limit holds from here on; between contents, the running timer finds out by itself.
        if self._end_marked or (first and attempt.text_bytes):
            self._watch()

    def _watch(self) -> None:
        """Look whether the upstream has been silent for too long, and again when it would have been."""
        self._disarm()
        limits, attempt = self._limits, self.generation.attempts[-1]
        if self._end_marked:
            limit, code, what = limits.tail, None, ""
        elif attempt.text_bytes:
            limit, code, what = limits.stall, Code.STALLED, "sent nothing more for"
        else:
            limit, code, what = limits.first_token, Code.FIRST_TOKEN_TIMEOUT, "sent no first token within"
        if not limit:
            return
        left = self._waiting_since + limit - self._clock.now()
        if left > 0:
            self._timer = self._clock.call_later(left, self._watch)
        elif code is None:
            # The answer is whole; only its figures are missing.
            self.generation.finished(self._clock.now())
            self._cancel()
        else:
            self._fail(Failed(code, f"The provider {what} {limit:g} seconds."))

    def _queue_timed_out(self) -> None:
        self._fail(Failed(Code.QUEUE_TIMEOUT, f"No slot became free within {self._limits.queue:g} seconds."))

    def _wake(self) -> None:
        self._moved.set()

    def _fail(self, failure: Failed) -> None:
        self._failure = failure
        self._cancel()

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
