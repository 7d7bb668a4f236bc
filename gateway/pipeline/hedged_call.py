"""One round of upstream calls of a generation: one, or two that race. It listens to them and tells the generation."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import NamedTuple

from gateway.billing.usage import estimate_output
from gateway.clock import Clock, Timer
from gateway.generation.attempt import Attempt
from gateway.generation.continuation import Continuation
from gateway.generation.generation import Generation
from gateway.pipeline.budget_meter import BudgetMeter
from gateway.pipeline.upstream_call import UpstreamCall
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Failed
from gateway.protocol.events import Content, TextBatch
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.upstreams.base import UpstreamRequest


class Failure(NamedTuple):
    """What went wrong where; without an attempt, the call did not come about."""

    target: Target
    failed: Failed
    attempt: Attempt | None


class HedgedCall:
    """Calls a target, and another one beside it if that takes too long. Whoever makes one calls `release` in the end.

    `failures` are what went wrong, the last one last; empty when the answer is whole, or it was cut.
    """

    __slots__ = (
        *("_callings", "_clock", "_first_call", "_generation", "_meter", "_route", "_timer", "_winner"),
        "failures",
    )

    def __init__(
        self, generation: Generation, route: Route, clock: Clock, meter: BudgetMeter, first_call: float
    ) -> None:
        self.failures: list[Failure] = []
        self._generation = generation
        self._route = route
        self._clock = clock
        self._meter = meter
        self._first_call = first_call
        self._callings: list[UpstreamCall] = []
        self._winner: UpstreamCall | None = None
        self._timer: Timer | None = None

    async def run(self, target: Target) -> None:
        """Make the calls, until all are closed."""
        try:
            calling = self._call(target)
        except Failed as failed:
            self.failures.append(Failure(target, failed, None))
            return
        if self._generation.state.fenced:
            self.cut()
        # A text that is gone on with is gone on with once.
        after = None if self._generation.begun else self._route.model.hedge_after(target)
        await (calling.run() if after is None else self._race(calling, after))
        self._take_stock()

    def cut(self) -> None:
        """End all calls at once."""
        for calling in self._callings:
            calling.cut()

    def release(self) -> None:
        """Give back what the calls hold; a second time does nothing."""
        self._disarm()
        for calling in self._callings:
            calling.release()
            # What went wrong holds the frames that it went through, and they hold the call: a circle.
            calling.failure = None
        self._callings.clear()
        self._winner, self._meter.due = None, inf

    # What a call tells; see `calling.Listener`.

    def opened(self, calling: UpstreamCall) -> None:
        """Tell who accepted the call."""
        self._generation.opened(calling.attempt)

    def content(self, calling: UpstreamCall, content: Sequence[Content | TextBatch], now: float) -> None:
        """Take content: the first call with some has won, and only that one brings any."""
        if self._winner is not calling:
            self._win(calling)
        self._generation.take(content, now)
        if calling.attempt.text_bytes >= self._meter.due:
            self._meter.charge(calling.attempt)

    def finished(self, calling: UpstreamCall, now: float) -> None:
        """End the generation, but for a call that ended without a word while another one may still bring some."""
        if self._winner is calling or all(other.over for other in self._callings):
            self._generation.on_winner(calling.attempt)
            self._generation.finished(now)

    def _win(self, calling: UpstreamCall) -> None:
        self._winner = calling
        self._disarm()
        for other in self._callings:
            if other is not calling:
                other.cancel_loser()
        self._generation.on_winner(calling.attempt)

    async def _race(self, calling: UpstreamCall, after: float) -> None:
        """Make a call, and if no content comes for `after` seconds, another one beside it."""
        async with asyncio.TaskGroup() as group:
            self._timer = self._clock.call_later(after, partial(self._hedge, calling, group))
            await calling.run()
            self._disarm()
            other = next((other for other in self._callings if not other.over), None)
            if other is None:
                # Who ends last stands last: that one's failure is told.
                self._callings.sort(key=lambda one: one is calling)
            elif calling.failure is not None and self._winner is None:
                self._generation.on_race_failure(other.attempt, calling.failure, calling.attempt)

    def _hedge(self, calling: UpstreamCall, group: asyncio.TaskGroup) -> None:
        self._timer = None
        beside = None if calling.over else self._route.hedge_target(calling.target, self._clock.now())
        if beside is not None:
            # A second one that is not let through, or not paid for, is none: the first goes on as if it were alone.
            with suppress(Failed):
                group.create_task(self._call(beside).run())

    def _call(self, target: Target) -> UpstreamCall:
        """Have a target let a call through.

        Raises:
            Failed: when it does not, or when there is no budget for it.
        """
        generation, route = self._generation, self._route
        name = target.upstream_model(generation.model)
        joint = self._joint(target, name) if generation.begun else None
        options = self._options(joint)
        try:
            probe = target.admit(self._clock.now())
        except Failed:
            route.record_refusal(target)
            raise
        attempt = generation.attempt(
            target.name,
            name,
            target.price_of(generation.model),
            prefix="" if joint is None else joint.prefix,
            anew=generation.begun and joint is None,
        )
        call = UpstreamRequest(name, attempt.messages, options, continues=joint is not None)
        calling = UpstreamCall(
            target, attempt, call, self._clock, self, first_call=self._first_call, probe=probe, joint=joint
        )
        self._callings.append(calling)
        try:
            self._meter.charge(attempt)
        except Failed as failed:
            calling.call_off(failed)
            # Its prompt, which was not sent, is given back at once: other answers share the budget.
            self._meter.left()
            route.record_refusal(target)
            raise
        route.record_call(target)
        return calling

    def _joint(self, target: Target, name: str) -> Continuation | None:
        """Go on with the text of an attempt that died; None if the target can't: then it is begun anew."""
        if target in self._route.cannot_continue:
            return None
        joint = Continuation(self._generation.log.text())
        call = UpstreamRequest(name, (), self._generation.options, continues=True)
        return joint if joint.prefix and target.upstream.can_continue(call) else None

    def _options(self, joint: Continuation | None) -> JsonObject:
        """Give the options of a call; its bound is the lower one of the client's and ours, less what is there."""
        options, most = self._generation.options, self._route.model.policy.max_output_tokens
        asked = options.get("max_tokens")
        bounds = [bound for bound in (asked, most) if isinstance(bound, int)]
        if not bounds:
            return options
        there = 0 if joint is None else estimate_output(len(joint.prefix.encode()))
        return {**options, "max_tokens": max(1, min(bounds) - there)}

    def _take_stock(self) -> None:
        """Look what became of the calls."""
        silent = next((calling for calling in self._callings if calling.whole), None)
        if silent is not None and self._winner is None and not self._generation.state.fenced:
            # It ended without a word while another one was still running, which then brought nothing either.
            self._generation.on_winner(silent.attempt)
            self._generation.finished(self._clock.now())
            return
        for calling in self._callings:
            if calling.failure is not None:
                self.failures.append(Failure(calling.target, calling.failure, calling.attempt))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
