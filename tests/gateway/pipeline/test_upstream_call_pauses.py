"""A pause of the gateway itself (SIGSTOP, a frozen virtual machine): what waits in the sockets counts first."""

import pytest

from gateway.protocol.events import Chunk, Complete, Error, Usage
from gateway.routing.breaker import Circuit
from gateway.routing.model import Policy
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import Finished
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import outcomes, terminal_event
from tests.gateway.pipeline.one_target import OneTarget, one_target, to_queued
from tests.gateway.pipeline.two_targets import two_targets

LIMITS = Limits(first_token_timeout=10, stall_timeout=10, usage_timeout=5, min_chars_per_second=20, rate_window=10)


async def resume_with(harness: OneTarget, seconds: float, *waiting: Chunk | Finished | Usage) -> None:
    """Pause the gateway; at its end, the timers are due and what the provider sent meanwhile waits in the socket."""
    harness.clock.pause(seconds)
    if waiting:
        harness.upstream.last.send(*waiting)
    harness.clock.advance(0)
    await settle()


@pytest.mark.parametrize("seconds", [10.0, 10.5, 14.0, 600.0])
async def test_the_first_content_that_waits_is_not_late(seconds: float) -> None:
    async with one_target(limits=LIMITS, breaker=1) as harness:
        generation = harness.start()
        await settle()
        await resume_with(harness, seconds, Chunk("Once upon a time " * 1000))
        harness.clock.advance(9)
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        await settle()
        assert isinstance(terminal_event(generation), Complete)
        assert (len(harness.upstream.calls), harness.target.breaker.circuit(harness.clock.now())) == (1, Circuit.CLOSED)


@pytest.mark.parametrize("seconds", [10.0, 10.5, 14.0, 600.0])
async def test_content_that_waits_is_neither_stalled_nor_too_slow(seconds: float) -> None:
    async with one_target(limits=LIMITS, breaker=1) as harness:
        generation = await harness.streaming()
        await resume_with(harness, seconds, Chunk("x" * 20_000))
        harness.clock.advance(5)
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        await settle()
        assert isinstance(terminal_event(generation), Complete)
        assert harness.target.breaker.circuit(harness.clock.now()) is Circuit.CLOSED


@pytest.mark.parametrize("seconds", [5.0, 60.0])
async def test_usage_that_waits_is_exact(seconds: float) -> None:
    async with one_target(limits=LIMITS) as harness:
        generation = await harness.streaming()
        harness.upstream.last.send(Finished("stop"))
        await settle()
        await resume_with(harness, seconds, Usage(7, 8, "exact"))
        harness.clock.advance(60)
        await settle()
        assert generation.usage() == Usage(7, 8, "exact")


async def test_after_a_pause_a_silent_provider_gets_as_much_time_again() -> None:
    async with one_target(limits=Limits(stall_timeout=10)) as harness:
        generation = await harness.streaming()
        await resume_with(harness, 14)
        assert not generation.log.ended
        harness.clock.advance(3.9)
        await settle()
        assert not generation.log.ended
        harness.clock.advance(0.1)
        await settle()
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == "stalled"


async def test_content_that_comes_within_the_added_time_counts() -> None:
    async with one_target(limits=Limits(stall_timeout=10)) as harness:
        generation = await harness.streaming()
        await resume_with(harness, 14)
        harness.upstream.last.send("a time")
        await settle()
        harness.clock.advance(9.9)
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        await settle()
        assert isinstance(terminal_event(generation), Complete)


async def test_a_slot_that_becomes_free_in_a_pause_is_not_too_late() -> None:
    async with one_target(slots=1, queue=5, limits=Limits(queue_timeout=30)) as harness:
        queued = await to_queued(harness)
        harness.clock.pause(31)
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        harness.clock.advance(0)
        await settle()
        assert len(harness.upstream.calls) == 2
        harness.upstream.last.send("Hello")
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        await settle()
        assert isinstance(terminal_event(queued), Complete)


async def test_a_pause_pays_for_no_second_call() -> None:
    async with two_targets(Policy(hedge=2)) as harness:
        generation = await harness.start()
        await harness.accept(harness.a)
        harness.clock.pause(5)
        harness.a.last.send("Hello")
        harness.clock.advance(0)
        await settle()
        harness.clock.advance(10)
        await harness.finish(harness.a)
        assert outcomes(generation) == ["answered"]
        assert not harness.b.calls


async def test_a_pause_while_the_first_content_is_handled_is_not_a_stall() -> None:
    async with one_target(limits=LIMITS, breaker=1) as harness:
        generation = harness.start()
        await settle()
        generation.log.subscribe(lambda: harness.clock.pause(14))
        harness.upstream.last.send("Once upon ")
        await settle()
        harness.upstream.last.send("a time" * 100)
        harness.upstream.last.finish(usage=Usage(1, 2, "exact"))
        await settle()
        assert isinstance(terminal_event(generation), Complete)
        assert harness.target.breaker.circuit(harness.clock.now()) is Circuit.CLOSED
