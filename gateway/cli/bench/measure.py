"""Call the targets and take down what they answer: directly, without admission, retries or failover."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from anyio import CancelScope

from gateway.cli.bench.plan import Plan, Subject
from gateway.cli.bench.sample import Recorder, Sample
from gateway.clock import Clock, SystemClock
from gateway.protocol.errors import Code, Failed
from gateway.upstreams.base import UpstreamEvent, UpstreamRequest, UpstreamResponse

Report = Callable[[Subject, Sample], None]


class FineClock(SystemClock):
    """The clock with the finest steps there are."""

    now = staticmethod(time.perf_counter)


async def measure(plan: Plan, clock: Clock, report: Report) -> None:
    """Send the requests of a plan in turns, and `report` each as it ends.

    Cancelled, it leaves nothing open; what was under way is not reported.
    """
    if plan.warm_up:
        for subject in plan.subjects:
            await _turn(plan, clock, subject, range(1), _forget)
    for subject, numbers in plan.turns():
        await _turn(plan, clock, subject, numbers, report)


async def _turn(plan: Plan, clock: Clock, subject: Subject, numbers: range, report: Report) -> None:
    async def one(number: int) -> None:
        report(subject, await _request(plan, clock, subject, plan.call(subject, number)))

    async with asyncio.TaskGroup() as tasks:
        for number in numbers:
            tasks.create_task(one(number))


async def _request(plan: Plan, clock: Clock, subject: Subject, call: UpstreamRequest) -> Sample:
    """Send one request; how it fails is a sample too."""
    recorder = Recorder(clock.now(), call.messages)
    with CancelScope() as scope:
        timer = clock.call_later(plan.timeout, scope.cancel)
        try:
            answer = await subject.target.upstream.open(call)
            await _read(answer, recorder, clock, subject.target.limits.usage_timeout)
        except Failed as failure:
            return recorder.failed(clock.now(), failure.code.value, failure.message)
        finally:
            timer.cancel()
    if scope.cancelled_caught:
        return recorder.failed(clock.now(), Code.TIMEOUT.value, f"It took longer than {plan.timeout:g} seconds.")
    return recorder.complete(clock.now())


async def _read(answer: UpstreamResponse, recorder: Recorder, clock: Clock, tail: float) -> None:
    tails = _Tail(clock, tail, answer.stop)
    try:
        await answer.stream(partial(_take, recorder, clock, tails))
    finally:
        tails.cancel()
        # Nobody waits for it any more when it is cancelled, but its socket must not stay open.
        with CancelScope(shield=True):
            await answer.close()


class _Tail:
    """Stops an answer whose figures do not come within `seconds` of its end mark, as the pipeline does."""

    def __init__(self, clock: Clock, seconds: float, stop: Callable[[], None]) -> None:
        self._start = partial(clock.call_later, seconds, stop)
        self.cancel: Callable[[], None] = _nothing
        self.started = False

    def start(self) -> None:
        self.started = True
        self.cancel = self._start().cancel


def _take(recorder: Recorder, clock: Clock, tail: _Tail, parts: Sequence[UpstreamEvent]) -> None:
    recorder.take(parts, clock.now())
    if recorder.ended is not None and not tail.started:
        tail.start()


def _forget(_subject: Subject, _sample: Sample) -> None:
    pass


def _nothing() -> None:
    pass
