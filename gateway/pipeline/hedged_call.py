"""One upstream call of a generation, or two that race: a hedge ("The Tail at Scale", Dean and Barroso, CACM 2013).

The hedged call listens to its calls and reports to the generation: the first call with content wins, and the other one
is cancelled.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import NamedTuple

from gateway.billing.usage import estimate_output
from gateway.clock import Clock, RestartableTimer
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import Continuation
from gateway.generation.generation import Generation
from gateway.pipeline.budget_meter import BudgetMeter
from gateway.pipeline.fast_path import TextFastPath
from gateway.pipeline.upstream_call import UpstreamCall
from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import Failed
from gateway.protocol.events import Content, TextBatch, Verbatim
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.observer import Observer
from gateway.upstreams.base import UpstreamRequest


class CallFailure(NamedTuple):
    """A failure and its target; `attempt` is None if the call was never made."""

    target: Target
    failed: Failed
    attempt: Attempt | None


class HedgedCall:
    """Calls a target, and a second one if the first takes too long. Its creator calls `release` in the end."""

    __slots__ = (
        *("_calls", "_chunk_times", "_clock", "_failures", "_first_call_at", "_generation", "_meter", "_observer"),
        *("_route", "_timer", "_winner"),
    )

    def __init__(
        self,
        generation: Generation,
        route: Route,
        clock: Clock,
        meter: BudgetMeter,
        first_call_at: float,
        observer: Observer,
    ) -> None:
        self._failures: list[CallFailure] = []
        self._generation = generation
        self._route = route
        self._clock = clock
        self._meter = meter
        self._first_call_at = first_call_at
        self._observer = observer
        self._calls: list[UpstreamCall] = []
        self._winner: UpstreamCall | None = None
        self._chunk_times: ChunkTimes | None = None
        """Measures the chunks of the winner, if they are measured."""
        self._timer: RestartableTimer | None = None
        """Of a race, until it is won."""

    def start(self, target: Target) -> Awaitable[None] | None:
        """Begin the calls; return what to await until all of them are closed, or None if none was made."""
        try:
            call = self._create_call(target)
        except Failed as failed:
            self._failures.append(CallFailure(target, failed, None))
            return None
        # Two calls that continue the same text would both append to it: a continuation does not race.
        hedge_after = None if self._generation.has_content else self._route.model.hedge_after(target)
        return call.run() if hedge_after is None else self._race(call, hedge_after)

    def collect_failures(self) -> list[CallFailure]:
        """Return what failed, once all calls are closed, the last one last; nothing if the answer is complete.

        Nothing, too, if the call was cancelled.
        """
        if self._winner is None and not self._generation.state.fenced:
            silent = next((call for call in self._calls if call.complete), None)
            if silent is not None:
                # It ended without content while another call was still running, which then brought none either.
                self._finish(silent, self._clock.now())
                return []
        # Moved out: an exception holds the frames it passed, and they hold this object: a reference cycle.
        failures, self._failures = self._failures, []
        for call in self._calls:
            if call.failure is not None:
                failures.append(CallFailure(call.target, call.failure, call.attempt))
        return failures

    def cancel(self) -> None:
        """Cancel all calls at once."""
        for call in self._calls:
            call.cancel()

    def release(self) -> None:
        """Release what the calls hold; a second time does nothing."""
        if self._timer is not None:
            self._timer.cancel()
        for call in self._calls:
            call.release()
            # An exception holds the frames it passed, and they hold the call: a reference cycle.
            call.failure = None
        self._calls.clear()
        if self._chunk_times is not None:
            self._count_chunks(self._chunk_times)
        self._winner, self._meter.due = None, inf

    # What a call reports; see `CallListener`.

    def on_opened(self, call: UpstreamCall) -> None:
        """Record which upstream accepted the call."""
        self._generation.on_opened(call.attempt)

    def on_first_read(self, call: UpstreamCall) -> None:
        """Show the start of the call, unless content came with it: that was shown together with the start."""
        self._generation.on_first_read()

    def on_content(self, call: UpstreamCall, content: Sequence[Content | TextBatch | Verbatim], now: float) -> None:
        """Append content; the first call with content has won, and the only one that still brings any."""
        if self._winner is not call:
            self._win(call)
        self._generation.append_content(content, now)
        if self._chunk_times is not None:
            self._chunk_times.record(now, self._generation.log.written_at)
        if call.attempt.text_bytes >= self._meter.due:
            self._meter.charge(call.attempt)

    def on_finished(self, call: UpstreamCall, now: float) -> None:
        """Complete the generation, unless the call ended without content while another one may still bring some."""
        if self._winner is call or all(other.is_over for other in self._calls):
            self._finish(call, now)

    def on_released(self, call: UpstreamCall) -> None:
        """Pass on the end of a call."""
        self._observer.on_attempt_end(self._generation, call.attempt)

    def _finish(self, call: UpstreamCall, now: float) -> None:
        """Complete the generation by a call; what its provider sent without any content is passed on now."""
        if self._chunk_times is not None:
            self._count_chunks(self._chunk_times)
        if self._winner is not call:
            self._generation.on_winner(call.attempt)
        self._generation.on_finished(now, call.held)

    def _count_chunks(self, chunk_times: ChunkTimes) -> None:
        chunk_times.flush()
        self._chunk_times = None

    def _win(self, call: UpstreamCall) -> None:
        self._winner = call
        self._chunk_times = self._observer.chunk_times(self._generation, call.attempt)
        if self._timer is not None:
            self._timer.cancel()
        for other in self._calls:
            if other is not call:
                other.cancel_loser()
        self._generation.on_winner(call.attempt)
        if call.response is not None and not call.response.is_done:
            fast_path = TextFastPath(call, self._generation, self._meter, self._chunk_times)
            call.response.use_fast_path(fast_path)

    async def _race(self, call: UpstreamCall, hedge_after: float) -> None:
        """Run a call and, if no content comes for `hedge_after` seconds, a second one to another target."""
        self._timer = RestartableTimer(self._clock)
        async with asyncio.TaskGroup() as group:
            self._timer.start_limit(hedge_after, partial(self._hedge, call, group))
            await call.run()
            self._timer.cancel()
            other = next((other for other in self._calls if not other.is_over), None)
            if other is None:
                # The call that ended last is the last in the list: its failure is the one that clients see.
                self._calls.sort(key=lambda listed: listed is call)
            elif call.failure is not None and self._winner is None:
                self._generation.on_race_failure(other.attempt, call.failure, call.attempt)

    def _hedge(self, call: UpstreamCall, group: asyncio.TaskGroup) -> None:
        target = None if call.is_over else self._route.hedge_target(call.target, self._clock.now())
        if target is not None:
            # If the second call is not admitted, or not paid for, the first one continues alone.
            with suppress(Failed):
                group.create_task(self._create_call(target).run())

    def _create_call(self, target: Target) -> UpstreamCall:
        """Create a call that a target has admitted.

        Raises:
            Failed: the target does not admit it, or the budget does not allow it.
        """
        generation, route = self._generation, self._route
        model = target.upstream_model(generation.model)
        continuation = self._continuation(target, model) if generation.has_content else None
        options = self._options(continuation)
        try:
            probe = target.admit(self._clock.now())
        except Failed:
            route.record_refusal(target)
            raise
        prompt = generation.prompt
        if continuation is not None:
            prompt = prompt.followed_by(Message(role="assistant", content=continuation.prefix))
        attempt = generation.begin_attempt(
            target.name,
            model,
            target.price_of(generation.model),
            prompt=None if continuation is None else prompt,
            new_revision=generation.has_content and continuation is None,
            vendor=target.vendor,
        )
        verbatim = generation.verbatim_request
        added = () if verbatim is None else prompt.added
        trace_headers = self._observer.on_attempt(generation, attempt)
        request = UpstreamRequest(model, prompt, options, continuation is not None, verbatim, added, trace_headers)
        call = UpstreamCall(
            target,
            attempt,
            request,
            self._clock,
            self,
            first_call_at=self._first_call_at,
            probe=probe,
            continuation=continuation,
        )
        self._calls.append(call)
        try:
            self._meter.charge(attempt)
        except Failed as failed:
            call.abandon(failed)
            # The prompt, which was not sent, is refunded at once: other generations share the budget.
            self._meter.charge_to_date()
            route.record_refusal(target)
            raise
        route.record_call(target)
        return call

    def _continuation(self, target: Target, model: str) -> Continuation | None:
        """Return the continuation of a text whose attempt died; None if the target must begin a new text."""
        if target in self._route.cannot_continue:
            return None
        continuation = Continuation(self._generation.log.text())
        request = UpstreamRequest(model, (), self._generation.options, continues=True)
        return continuation if continuation.prefix and target.upstream.can_continue(request) else None

    def _options(self, continuation: Continuation | None) -> JsonObject:
        """Return the options of a call; `max_tokens` is the lower of the client's and ours, less what is written."""
        options, max_output_tokens = self._generation.options, self._route.model.policy.max_output_tokens
        if max_output_tokens is None and "max_tokens" not in options:
            return options
        limits = [limit for limit in (options.get("max_tokens"), max_output_tokens) if isinstance(limit, int)]
        if not limits:
            return options
        written = 0 if continuation is None else estimate_output(len(continuation.prefix.encode()))
        return {**options, "max_tokens": max(1, min(limits) - written)}
