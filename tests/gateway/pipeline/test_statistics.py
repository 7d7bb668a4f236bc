"""The figures of `GET /api/stats`."""

import orjson
import pytest

from gateway.protocol.commands import InterruptRequest
from gateway.protocol.errors import Refused
from gateway.protocol.events import Interrupted, Usage
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import terminal_event
from tests.gateway.pipeline.one_target import one_target
from tests.gateway.pipeline.two_targets import (
    DOLLAR_PER_TOKEN,
    FAILOVER,
    RACE,
    start_and_break_off,
    start_race,
    two_targets,
)
from tests.start_requests import ANONYMOUS


async def test_statistics_are_json_after_refusals_too() -> None:
    async with one_target(slots=1, queue=1) as harness:
        harness.start()
        harness.start()
        with pytest.raises(Refused):
            harness.start()
        assert orjson.loads(orjson.dumps(harness.hub.stats()))["refused"] == {"queue_full": 1}


async def test_statistics_list_the_targets() -> None:
    async with two_targets() as harness:
        await harness.start()
        await harness.refuse(harness.a)
        await harness.accept(harness.b)
        await harness.advance(0.25)
        await harness.send(harness.b, "x")
        stats = harness.hub.stats()["upstreams"]
        facts = {"model": "m", "models": ["m"], "circuit": "closed", "calls": 1}
        assert stats == [
            {**facts, "provider": "a", "upstream_model": "a-model", "running": 0, "failed": 1, "ttft_ms": None},
            {**facts, "provider": "b", "upstream_model": "b-model", "running": 1, "failed": 0, "ttft_ms": 250.0},
        ]
        await harness.finish(harness.b)


async def test_savings_of_interrupts_are_estimated_by_complete_answers() -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN) as harness:
        await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x")
        await harness.finish(harness.a, Usage(0, 100, "exact"))
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x" * 80)
        harness.hub.interrupt(generation.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
        stopped = terminal_event(generation)
        assert isinstance(stopped, Interrupted)
        assert stopped.cost_usd == 20
        saved = harness.hub.stats()["saved_by_interrupts"]
        assert saved == {"interrupts": 1, "unknown": 0, "tokens_estimated": 80, "cost_usd_estimated": 80.0}


@pytest.mark.parametrize("second", [False, True])
async def test_the_length_of_an_answer_is_that_of_the_winner(*, second: bool) -> None:
    async with two_targets(RACE) as harness:
        await start_race(harness)
        await harness.accept(harness.b)
        winner = harness.b if second else harness.a
        await harness.send(winner, "x")
        await harness.finish(winner, Usage(0, 100, "exact"))
        generation = await harness.start()
        await harness.accept(harness.a)
        await harness.send(harness.a, "x" * 80)
        harness.hub.interrupt(generation.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
        await settle()
        assert harness.hub.statistics.savings.tokens == 80


async def test_the_length_of_a_continued_answer_is_that_of_all_attempts() -> None:
    async with two_targets(FAILOVER) as harness:
        await start_and_break_off(harness, native=True, text="x" * 80)
        await harness.accept(harness.b)
        await harness.send(harness.b, "y")
        await harness.finish(harness.b, Usage(0, 30, "exact"))
        assert list(harness.hub.statistics.savings._lengths["m"]) == [50]
