"""One upstream call, from opening it to its closed connection: streamed, watched, and cancelled at once when needed."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from gateway.clock import Clock, RestartableTimer, SystemClock
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import Continuation
from gateway.log_fields import log_fields
from gateway.pipeline.stop_scope import StopScope
from gateway.protocol.errors import Code, Failed, GatewayFault, UnsupportedOption
from gateway.protocol.events import Content, TextBatch, Usage, Verbatim
from gateway.routing.breaker import Circuit
from gateway.routing.route import REQUEST_FAULTS
from gateway.routing.target import Target
from gateway.routing.watchdog import Watchdog
from gateway.upstreams.base import NEVER_READ, Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from gateway.upstreams.errors.failures import FAILURE_EVENTS

logger = logging.getLogger(__name__)

_FACTS: Final = (Usage, Finished)
"""What an upstream sends beside content."""


class CallListener(Protocol):
    """Receives what a call brings."""

    def on_opened(self, call: "UpstreamCall") -> None:
        """Handle that the upstream accepted the call."""

    def on_first_read(self, call: "UpstreamCall") -> None:
        """Handle that what came together with the headers was read, if anything did."""

    def on_content(self, call: "UpstreamCall", content: Sequence[Content | TextBatch | Verbatim], now: float) -> None:
        """Handle content.

        Raises:
            Failed: it ends the call.
        """

    def on_finished(self, call: "UpstreamCall", now: float) -> None:
        """Handle that the upstream ended the answer itself."""

    def on_released(self, call: "UpstreamCall") -> None:
        """Handle that the call holds nothing any more."""


class UpstreamCall:
    """A call that a target has admitted. Its creator awaits `run` and, run or not, calls `release`.

    `failure` is what ended it; None if the answer is `complete`, or the call was cancelled. `is_over`: nothing that it
    still brings counts.
    """

    __slots__ = (
        *(
            "_continuation",
            "_given_up",
            "_has_content",
            "_holds_back",
            "_listener",
            "_model",
            "_probe",
            "_reads",
            "_recorded",
            "_released",
            "_request",
            "_started_at",
        ),
        *("_stop_waiting", "_timer", "attempt", "clock", "complete", "failure", "held", "is_over", "response"),
        *("target", "watchdog"),
    )

    def __init__(
        self,
        target: Target,
        attempt: Attempt,
        request: UpstreamRequest,
        clock: Clock,
        listener: CallListener,
        *,
        first_call_at: float,
        probe: bool,
        continuation: Continuation | None = None,
    ) -> None:
        self.target = target
        self.attempt = attempt
        self.clock = clock
        self.failure: Failed | None = None
        self._reads = NEVER_READ
        self.complete = self.is_over = False
        self._model = request.model
        self._request: UpstreamRequest | None = request
        """None once it was sent: its options may be large."""
        self._listener = listener
        self._continuation = continuation
        self._probe = probe
        self._started_at = attempt.times.started = clock.now()
        self.watchdog = Watchdog(target.limits, first_call_at, self._started_at)
        self._timer = RestartableTimer(clock)
        self._stop_waiting: Callable[[], None] | None = None
        """Ends at once what `run` waits for. `run` sets it before it checks `is_over`: no cancellation is missed."""
        self.response: UpstreamResponse | None = None
        """None until its headers have come."""
        self._recorded = self._given_up = self._released = self._has_content = False
        self._holds_back = True
        """What comes passes through `_hold_back`."""
        self.held: list[Content | TextBatch | Verbatim] = []
        """The provider's own data before its first content: until then, another attempt may bring the answer."""

    async def run(self) -> None:
        """Run the call, and report what it brings until its connection is closed."""
        self._schedule_check()
        response: UpstreamResponse | None = None
        try:
            # Until the headers have come, a cancellation ends this wait; then the response.
            with (scope := StopScope()):
                self._stop_waiting = scope.stop
                if not self.is_over and self._request is not None:
                    response = await self.target.upstream.open(self._request)
            if response is None:
                return
            try:
                # A cancellation in the turn of the event loop in which the headers came finds `open` done: its scope
                # has nothing left to cancel.
                self._attach(response)
                if not self.is_over:
                    self._listener.on_opened(self)
                    # Most responses read here what came with their headers.
                    ended = response.stream(self._on_events)
                    self._listener.on_first_read(self)
                    try:
                        await ended
                    finally:
                        # Its exception refers to this frame, which must not refer to it: a reference cycle.
                        del ended
                if not self.is_over:
                    self._finish(self.clock.now())
            finally:
                await response.close()
        except Failed as failure:
            if not self.is_over:
                self.failure = failure
                self._log_refused_account(failure)
        finally:
            self.release()

    def cancel(self, ended: str = "cancelled") -> None:
        """End the call at once; what it still brings is dropped. `ended` is recorded in its attempt."""
        if not self.is_over:
            self.is_over = True
            self.attempt.ended = ended
            self._halt()

    def cancel_loser(self) -> None:
        """Cancel the call because another one has won the race; the wait for it enters its latency."""
        if not self.is_over:
            self.target.latency.add_timeout(self.clock.now() - self._started_at)
            self.cancel("lost")

    @property
    def takes_plain_text(self) -> bool:
        """Return True if text needs no more than to be recorded as the last content: no limit or join depends on it."""
        watchdog = self.watchdog
        is_timed_by_content = (
            watchdog.is_streaming and not watchdog.end_marked and not watchdog.limits.min_chars_per_second
        )
        return is_timed_by_content and not self._holds_back and not self.is_over

    def abandon(self, failure: Failed) -> None:
        """Release what the call holds without making it."""
        self.attempt.ended = failure.code.value
        self.attempt.times.started = None
        self.release()

    def release(self) -> None:
        """Release what the call holds; a second time does nothing."""
        if self._released:
            return
        self._released = self.is_over = True
        self._timer.cancel()
        failure, attempt = self.failure, self.attempt
        if failure is not None or not self._recorded:
            self._record(failure)
        self.target.release()
        is_own_fault = isinstance(failure, GatewayFault)
        self.target.failed += failure is not None and not is_own_fault
        if failure is not None and not is_own_fault and failure.code not in REQUEST_FAULTS and not attempt.text_bytes:
            self.target.failing = True
        # A call that we gave up waiting for may have been accepted, and is billed.
        is_refusal = failure is not None and not failure.may_be_billed
        was_made = attempt.times.started is not None
        attempt.refused = not was_made or (is_refusal and not attempt.opened and not self._given_up)
        if attempt.ended is None:
            attempt.ended = "cancelled" if failure is None else failure.code.value
        if was_made:
            attempt.times.ended = self.clock.now()
        self._listener.on_released(self)

    def _attach(self, response: UpstreamResponse) -> None:
        """Record that the headers have come, and pass what ends the call to its response from now on."""
        self._request = None
        self.attempt.opened, self.attempt.times.opened = True, self.clock.now()
        if not self.is_over:
            self.attempt.upstream_model = response.model
        self.response, self._stop_waiting = response, response.stop
        if isinstance(self.clock, SystemClock):
            # A clock that tests move by hand has another time.
            self._reads = response.reads

    def _on_events(self, events: Sequence[UpstreamEvent]) -> None:
        """Handle the events of one read. This is the path of each chunk: it wakes no task and sets no timer."""
        if self.is_over:
            return
        # What came is as old as its read: decoding it is the gateway's own delay.
        watchdog, now = self.watchdog, self._reads.read_at or self.clock.now()
        content: list[Content | TextBatch | Verbatim] = []
        has_content, end_marked = False, watchdog.end_marked
        for event in events:
            if isinstance(event, _FACTS):
                end_marked = self._record_end(event, end_marked=end_marked)
            else:
                content.append(event)
                if type(event) is not Verbatim:
                    # Content after an end mark takes it back.
                    has_content, end_marked = True, False
        limits_changed = False
        if has_content and watchdog.record_content(content, now):
            limits_changed = self._has_content = True
            self.attempt.times.first_content = now
            self.target.latency.add(now - self._started_at)
            self.target.failing = False
            self._record(None, answered=True)
        if end_marked and not watchdog.end_marked:
            watchdog.record_finish(now)
        if self._holds_back:
            content = self._hold_back(content)
        if content:
            self._listener.on_content(self, content, now)
        # Other limits apply from here on. Otherwise no timer is moved: the pending check finds by itself that content
        # came, which is cheaper than a timer for each chunk. After the end of the response, there is nothing to check.
        if (limits_changed or watchdog.end_marked) and not (self.response is not None and self.response.is_done):
            self._schedule_check()

    def _record_end(self, event: Usage | Finished, *, end_marked: bool) -> bool:
        """Record a finish reason or usage figures; return True if the end mark has come."""
        if isinstance(event, Finished):
            self.attempt.finish_reason, self.attempt.response = event.reason, event.response
            return True
        self.attempt.set_usage(event, final=end_marked)
        return end_marked

    def _hold_back(self, content: list[Content | TextBatch | Verbatim]) -> list[Content | TextBatch | Verbatim]:
        """Return what is to be handed over of the content of a read: nothing before the first content."""
        if not self._has_content:
            self.held += content
            return []
        content, self.held = self.held + content, []
        if self._continuation is not None:
            content = [*self._continuation.join(content)]
        self._holds_back = self._continuation is not None and self._continuation.has_overlap
        return content

    def _check_limits(self) -> None:
        """End the call if a time limit has run out, else schedule the next check. Only for a judging timer."""
        watchdog, now = self.watchdog, self.clock.now()
        if self.is_over:
            return
        failure = watchdog.find_failure(now)
        if failure is not None:
            if failure.code is Code.FIRST_TOKEN_TIMEOUT:
                self.target.latency.add_timeout(now - self._started_at)
            self.failure, self.is_over, self._given_up = failure, True, True
            self._halt()
        elif watchdog.is_complete(now) and self.response is not None:
            # The answer is complete; only its usage figures are missing. What its end adds is as old as this check.
            self._reads = NEVER_READ
            self.response.complete()
        else:
            self._schedule_check()

    def _schedule_check(self) -> None:
        """Schedule the next check. Judges nothing: the gateway may have been paused since `now` was read."""
        due = self.watchdog.next_check()
        if due is None or self.is_over:
            self._timer.cancel()
        elif not self._timer.is_pending or self._timer.due > due:
            # A check that comes too early schedules the next one.
            self._timer.start(max(0.0, due - self.clock.now()), self._on_timer)

    def _on_timer(self) -> None:
        """Check the limits, but end nothing before reading what has arrived: the gateway may have been paused."""
        due = self.watchdog.next_check()
        if due is not None and self.clock.now() >= due:
            self._timer.judge(self._check_limits)
        else:
            self._check_limits()

    def _finish(self, now: float) -> None:
        if not self._recorded:
            self._record(None, answered=True)
        self.complete = self.is_over = True
        self.attempt.ended = "answered"
        self._listener.on_finished(self, now)

    def _halt(self) -> None:
        self._timer.cancel()
        if self._stop_waiting is not None:
            self._stop_waiting()

    def _record(self, failure: Failed | None, *, answered: bool = False) -> None:
        """Record the outcome in the breaker: at the first content, and again if the call fails after that."""
        if failure is not None and isinstance(failure, UnsupportedOption | GatewayFault):
            # Nothing was sent: it says nothing about the provider.
            failure = None
        probe = self._probe and not self._recorded
        self._recorded = True
        changed = self.target.breaker.record(failure, self.clock.now(), answered=answered, probe=probe)
        if changed is not None:
            self._log_circuit(changed, failure)

    def _log_refused_account(self, failure: Failed) -> None:
        """Log that a provider refuses our key or account inside a response; the upstream logs it if it is a status."""
        is_account = failure.code in {Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA}
        if is_account and self.attempt.opened and self.target.account_log.is_due(self.clock.now()):
            names = self.target.name, self._model
            fields = log_fields(FAILURE_EVENTS[failure.code], provider=names[0], model=names[1], reason=failure.message)
            logger.warning("%s, model %s: %s", *names, failure.message, extra=fields)

    def _log_circuit(self, circuit: Circuit, failure: Failed | None) -> None:
        names = (self.target.name, self._model)
        if circuit is Circuit.OPEN:
            wait, code = self.target.breaker.ready_at(self.clock.now()) - self.clock.now(), failure and failure.code
            seconds = round(wait, 1)
            fields = log_fields("circuit_opened", provider=names[0], model=names[1], seconds=seconds, code=code)
            message = "%s, model %s: circuit opened for %g s, last failure %s"
            logger.warning(message, *names, seconds, code, extra=fields)
        else:
            fields = log_fields("circuit_closed", provider=names[0], model=names[1])
            logger.warning("%s, model %s: circuit closed", *names, extra=fields)
