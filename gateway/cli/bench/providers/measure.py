"""Calls the targets and records their answers: directly, without admission, retries or failover."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from anyio import CancelScope

from gateway.cli.bench.providers.plan import Plan, Subject
from gateway.cli.bench.providers.sample import Recorder, Sample
from gateway.clock import Clock, SystemClock
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest, UpstreamResponse

Report = Callable[[Subject, Sample], None]


class FineClock(SystemClock):
    """Clock with the highest available resolution."""

    now = staticmethod(time.perf_counter)


async def measure(plan: Plan, clock: Clock, report: Report) -> None:
    """Send the requests of a plan in turns, and call `report` with each sample.

    If it is cancelled, it closes every call, and does not report requests that had not ended.
    """
    if plan.warm_up:
        for subject in plan.subjects:
            await _run_turn(plan, clock, subject, range(1), _discard)
    for subject, numbers in plan.turns():
        await _run_turn(plan, clock, subject, numbers, report)


async def _run_turn(plan: Plan, clock: Clock, subject: Subject, numbers: range, report: Report) -> None:
    async def send(number: int) -> None:
        report(subject, await _measure_request(plan, clock, subject, plan.request(subject, number)))

    async with asyncio.TaskGroup() as tasks:
        for number in numbers:
            tasks.create_task(send(number))


async def _measure_request(plan: Plan, clock: Clock, subject: Subject, request: UpstreamRequest) -> Sample:
    """Send one request and return its sample; a failure is a sample too."""
    recorder = Recorder(clock.now(), request.messages)
    with CancelScope() as scope:
        timer = clock.call_later(plan.timeout, scope.cancel)
        try:
            response = await subject.target.upstream.open(request)
            await _read(response, recorder, clock, subject.target.limits.usage_timeout)
        except Failed as failure:
            return recorder.failed(clock.now(), failure.code.value, failure.message)
        finally:
            timer.cancel()
    if scope.cancelled_caught:
        return recorder.failed(
            clock.now(), Code.TIMEOUT.value, f"The request took longer than {plan.timeout:g} seconds."
        )
    return recorder.complete(clock.now())


async def _read(response: UpstreamResponse, recorder: Recorder, clock: Clock, tail: float) -> None:
    tail_timer = _TailTimer(clock, tail, response.stop)
    try:
        await response.stream(partial(_record, recorder, clock, tail_timer))
    finally:
        tail_timer.cancel()
        # After a cancellation, each await would raise at once, and the socket would stay open: hence the shield.
        with CancelScope(shield=True):
            await response.close()


class _TailTimer:
    """Stops a response whose usage does not arrive within `seconds` of its end mark, as the pipeline does."""

    def __init__(self, clock: Clock, seconds: float, stop: Callable[[], None]) -> None:
        self._start = partial(clock.call_later, seconds, stop)
        self.cancel: Callable[[], None] = _nothing
        self.started = False

    def start(self) -> None:
        self.started = True
        self.cancel = self._start().cancel


def _record(recorder: Recorder, clock: Clock, tail_timer: _TailTimer, events: Sequence[UpstreamEvent]) -> None:
    recorder.add(events, clock.now())
    if recorder.ended is not None and not tail_timer.started:
        tail_timer.start()


def _discard(_subject: Subject, _sample: Sample) -> None:
    pass


def _nothing() -> None:
    pass
