"""Measurements of scripted targets, with a manual clock."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.cli.bench.providers.measure import measure
from gateway.cli.bench.providers.plan import Plan, Subject
from gateway.cli.bench.providers.sample import Sample
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import NEVER_READ, FastPath, Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from tests.event_loop import settle
from tests.gateway.cli.bench.providers.fakes import subject
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream


class Measuring:
    """A running measurement."""

    def __init__(self, plan: Plan, clock: ManualClock) -> None:
        self.clock = clock
        self.samples: list[tuple[str, Sample]] = []
        self.task = asyncio.create_task(measure(plan, clock, self._report))

    def _report(self, subject: Subject, sample: Sample) -> None:
        self.samples.append((subject.model, sample))

    @property
    def only(self) -> Sample:
        ((_, sample),) = self.samples
        return sample

    async def wait(self, seconds: float) -> None:
        await settle()
        self.clock.advance(seconds)
        await settle()


@asynccontextmanager
async def measuring(plan: Plan) -> AsyncIterator[Measuring]:
    """Measure within this context; check at its end that no timer is left."""
    running = Measuring(plan, ManualClock())
    await settle()
    yield running
    running.task.cancel()
    with suppress(asyncio.CancelledError):
        await running.task
    assert running.clock.pending == 0


def one_request(upstream: ScriptedUpstream) -> Plan:
    return Plan([subject("a", upstream=upstream)], requests=1, concurrency=1, timeout=30)


async def test_an_answer_is_timed_from_its_request() -> None:
    upstream = ScriptedUpstream(auto_accept=False)
    async with measuring(one_request(upstream)) as running:
        await running.wait(0.5)
        upstream.last.accept()
        await running.wait(0.5)
        upstream.last.send("abcd")
        await running.wait(2)
        upstream.last.send("efgh")
        await running.wait(1)
        upstream.last.finish(usage=Usage(5, 8, "exact"))
        await running.task
        sample = running.only
        assert (sample.ttft, sample.duration, sample.chars_per_s, sample.gaps) == (1.0, 4.0, 2.0, [2.0])
        assert sample.usage == Usage(5, 8, "exact")
        assert sample.failure is None
    assert upstream.open_calls == 0


async def test_requests_are_concurrent_and_targets_take_turns() -> None:
    a, b = ScriptedUpstream(), ScriptedUpstream()
    plan = Plan([subject("a", upstream=a), subject("b", upstream=b)], requests=5, concurrency=3)
    seen = []
    async with measuring(plan) as running:
        while not running.task.done():
            seen.append((a.open_calls, b.open_calls))
            for upstream in (a, b):
                for call in upstream.calls:
                    if not call.closed:
                        call.send("text")
                        call.finish()
            await settle()
        await running.task
        assert seen == [(3, 0), (0, 3), (0, 2), (2, 0)]
        assert [name for name, _ in running.samples] == ["a"] * 3 + ["b"] * 3 + ["b"] * 2 + ["a"] * 2


async def test_a_warm_up_is_sent_and_does_not_count() -> None:
    upstream = ScriptedUpstream()
    plan = Plan([subject("a", upstream=upstream)], requests=1, concurrency=1, warm_up=True)
    async with measuring(plan) as running:
        for expected in (0, 1):
            upstream.last.send("text")
            upstream.last.finish()
            await settle()
            assert len(running.samples) == expected
    assert len(upstream.calls) == 2


async def test_a_refusal_is_a_sample() -> None:
    upstream = ScriptedUpstream(auto_accept=False)
    async with measuring(one_request(upstream)) as running:
        upstream.last.refuse(Failed(Code.RATE_LIMIT, "Slower, please."))
        await running.task
        assert (running.only.failure, running.only.message) == ("rate_limit", "Slower, please.")
    assert upstream.open_calls == 0


async def test_a_failure_during_the_answer_is_a_sample() -> None:
    upstream = ScriptedUpstream()
    async with measuring(one_request(upstream)) as running:
        await running.wait(1)
        upstream.last.send("abc")
        await running.wait(1)
        upstream.last.fail(Failed(Code.TRUNCATED, "It broke off."))
        await running.task
        sample = running.only
        assert (sample.failure, sample.ttft, sample.duration, sample.chars) == ("truncated", 1.0, 2.0, 3)
    assert upstream.open_calls == 0


@pytest.mark.parametrize("prompt", [False, True])
async def test_a_request_is_ended_by_its_timeout(*, prompt: bool) -> None:
    upstream = ScriptedUpstream(auto_accept=prompt)
    async with measuring(one_request(upstream)) as running:
        await running.wait(29)
        assert not running.task.done()
        await running.wait(1)
        await running.task
        assert (running.only.failure, running.only.duration) == ("timeout", 30.0)
    assert upstream.open_calls == 0


async def test_an_empty_answer_is_a_failure() -> None:
    upstream = ScriptedUpstream()
    async with measuring(one_request(upstream)) as running:
        upstream.last.finish()
        await running.task
        assert running.only.failure == "empty"


async def test_missing_usage_does_not_delay_the_sample() -> None:
    upstream = ScriptedUpstream()
    async with measuring(one_request(upstream)) as running:
        await running.wait(1)
        upstream.last.send("abc")
        upstream.last.send(Finished("stop"))
        await running.wait(Limits().usage_timeout)
        await running.task
        assert (running.only.failure, running.only.duration) == (None, 1.0)
        assert running.only.usage is not None
        assert running.only.usage.source == "estimated"
    assert upstream.open_calls == 0


async def test_cancelling_closes_all_calls_and_keeps_the_samples() -> None:
    upstream = ScriptedUpstream()
    async with measuring(Plan([subject("a", upstream=upstream)], requests=4, concurrency=4)) as running:
        upstream.calls[2].send("text")
        upstream.calls[2].finish()
        await settle()
        assert upstream.open_calls == 3
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
        assert [sample.failure for _, sample in running.samples] == [None]
        assert upstream.open_calls == 0


class Broken:
    """An upstream with a bug: it raises an error that is not `Failed`."""

    name = "broken"

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        return BrokenAnswer(call.model)

    def can_continue(self, _call: UpstreamRequest) -> bool:
        return False

    async def close(self) -> None:
        pass


class BrokenAnswer:
    def __init__(self, model: str) -> None:
        self.model, self.reads, self.is_done = model, NEVER_READ, False

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        raise RuntimeError(take)

    def use_fast_path(self, fast_path: FastPath) -> None:
        pass

    def stop(self) -> None:
        pass

    def complete(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_an_error_of_our_own_is_not_counted_as_a_failure() -> None:
    running = Measuring(Plan([subject("a", upstream=Broken())], requests=1), ManualClock())
    with pytest.raises(ExceptionGroup) as caught:
        await running.task
    assert caught.group_contains(RuntimeError)
    assert running.samples == []
    assert running.clock.pending == 0
