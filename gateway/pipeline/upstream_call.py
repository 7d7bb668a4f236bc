"""One upstream call, from its opening to its closed connection: streamed, watched, cut at once when it has to be."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import anyio

from gateway.clock import Clock, Timer
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import Continuation
from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.protocol.events import Content, TextBatch, Usage
from gateway.routing.breaker import Circuit
from gateway.routing.route import REQUEST_FAULTS
from gateway.routing.target import Target
from gateway.routing.watchdog import Watchdog
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told what a call brings."""

    def opened(self, calling: "UpstreamCall") -> None:
        """Take note that the upstream accepted it."""

    def content(self, calling: "UpstreamCall", content: Sequence[Content | TextBatch], now: float) -> None:
        """Take content.

        Raises:
            Failed: it ends the call.
        """

    def finished(self, calling: "UpstreamCall", now: float) -> None:
        """Take note that the upstream ended the answer itself."""


class UpstreamCall:
    """A call that a target has let through. Whoever makes one awaits `run` and, run or not, calls `release`.

    `failure` is what ended it; None when the answer is whole, or it was cut.
    """

    __slots__ = (
        *("_began", "_call", "_clock", "_given_up", "_joint", "_listener", "_probe", "_released", "_settled", "_stop"),
        *("_timer", "_watchdog", "attempt", "failure", "over", "target", "whole"),
    )

    def __init__(
        self,
        target: Target,
        attempt: Attempt,
        call: UpstreamRequest,
        clock: Clock,
        listener: Listener,
        *,
        first_call: float,
        probe: bool,
        joint: Continuation | None = None,
    ) -> None:
        self.target = target
        self.attempt = attempt
        self.failure: Failed | None = None
        self.whole = False
        self.over = False
        """Nothing that it still brings counts: it was cut, or has failed."""
        self._call = call
        self._clock = clock
        self._listener = listener
        self._joint = joint
        self._probe = probe
        self._began = clock.now()
        self._watchdog = Watchdog(target.limits, first_call, self._began)
        self._stop: Callable[[], None] | None = None
        """Ends at once what `run` waits for. Whoever sets it looks at `over` afterwards, before waiting."""
        self._timer: Timer | None = None
        self._settled = self._given_up = self._released = False

    async def run(self) -> None:
        """Make the call, and tell what it brings until it is closed."""
        self._watch()
        try:
            await self._stream()
        except Failed as failure:
            if not self.over:
                self.failure = failure
        finally:
            self.release()

    def cut(self, how: str = "cancelled") -> None:
        """End it at once; what it still brings is dropped."""
        if not self.over:
            self.over = True
            self.attempt.ended = how
            self._halt()

    def cancel_loser(self) -> None:
        """End it because another one has won; how long it was waited for says something of its pace."""
        if not self.over:
            self.target.latency.add_timeout(self._clock.now() - self._began)
            self.cut("lost")

    def call_off(self, failure: Failed) -> None:
        """Give back what it holds, without having made the call."""
        self.attempt.ended = failure.code.value
        self.release()
        self.attempt.refused = True

    def release(self) -> None:
        """Give back what it holds; a second time does nothing."""
        if self._released:
            return
        self._released = self.over = True
        self._disarm()
        self._settle(self.failure)
        self.target.release()
        failure, attempt = self.failure, self.attempt
        self.target.failed += failure is not None
        if failure is not None and failure.code not in REQUEST_FAULTS and not attempt.text_bytes:
            self.target.failing = True
        # One that we gave up waiting for may have been taken.
        attempt.refused = failure is not None and not attempt.opened and not self._given_up
        if attempt.ended is None:
            attempt.ended = "cancelled" if failure is None else failure.code.value

    async def _stream(self) -> None:
        answer = await self._open()
        if answer is None:
            return
        try:
            self._stop = answer.stop
            # It may be cut in the turn in which the headers come: `open` is done then, its scope stops nothing.
            if not self.over:
                self.attempt.upstream_model = answer.model
                self._listener.opened(self)
                await answer.stream(self._take)
            if not self.over:
                self._finish(self._clock.now())
        finally:
            await answer.close()

    async def _open(self) -> UpstreamResponse | None:
        """Wait for the headers; None when it was cut short."""
        with anyio.CancelScope() as scope:
            self._stop = scope.cancel
            if not self.over:
                answer = await self.target.upstream.open(self._call)
                self.attempt.opened = True
                return answer
        return None

    def _take(self, parts: Sequence[UpstreamEvent]) -> None:
        """Take what one read brought. This is the path of each chunk: it wakes no task and sets no timer."""
        if self.over:
            return
        attempt, watchdog, now = self.attempt, self._watchdog, self._clock.now()
        content: list[Content | TextBatch] = []
        marked = False
        for part in parts:
            if isinstance(part, Usage):
                attempt.figures(part, final=marked or watchdog.end_marked)
            elif isinstance(part, Finished):
                attempt.finish_reason = part.reason
                marked = True
            else:
                content.append(part)
        changed = False
        if content and watchdog.record_content(content, now):
            changed = True
            self.target.latency.add(now - self._began)
            self.target.failing = False
            self._settle(None, answered=True)
        if marked:
            # Behind the content that the same read brought.
            watchdog.record_finish(now)
        if self._joint is not None and self._joint.open:
            content = [*self._joint.join(content)]
        if content:
            self._listener.content(self, content, now)
        # Other limits hold from here on; else the running timer finds out by itself that content came.
        if changed or watchdog.end_marked:
            self._watch()

    def _watch(self) -> None:
        """Look whether something has run out, and again when it would."""
        self._disarm()
        watchdog, now = self._watchdog, self._clock.now()
        if self.over:
            return
        failure = watchdog.find_failure(now)
        if failure is not None:
            if failure.code is Code.FIRST_TOKEN_TIMEOUT:
                self.target.latency.add_timeout(now - self._began)
            self.failure, self.over, self._given_up = failure, True, True
            self._halt()
        elif watchdog.is_complete(now):
            # The answer is whole; only its figures are missing.
            self._finish(now)
            self._halt()
        elif (due := watchdog.next_check()) is not None:
            self._timer = self._clock.call_later(max(0.0, due - now), self._watch)

    def _finish(self, now: float) -> None:
        self._settle(None, answered=True)
        self.whole = self.over = True
        self.attempt.ended = "answered"
        self._listener.finished(self, now)

    def _halt(self) -> None:
        self._disarm()
        if self._stop is not None:
            self._stop()

    def _settle(self, failure: Failed | None, *, answered: bool = False) -> None:
        """Tell the breaker how the call went: at its first content, and again should it fail after that."""
        if isinstance(failure, UnsupportedOption):
            # Nothing was sent: it says nothing of the provider.
            failure = None
        if failure is not None or not self._settled:
            breaker, now = self.target.breaker, self._clock.now()
            before = breaker.circuit(now)
            breaker.record(failure, now, answered=answered, probe=self._probe and not self._settled)
            self._settled = True
            if (after := breaker.circuit(now)) is not before:
                self._tell(after, failure)

    def _tell(self, circuit: Circuit, failure: Failed | None) -> None:
        """Log that the provider is left alone from now on, or asked again."""
        who = (self.target.name, self._call.model)
        if circuit is Circuit.OPEN:
            wait, code = self.target.breaker.ready_at(self._clock.now()) - self._clock.now(), failure and failure.code
            logger.warning("%s, model %s: keeps failing (%s), and is left alone for %g s", *who, code, wait)
        else:
            logger.warning("%s, model %s: answers again", *who)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
