"""Budgets that are charged while generations run."""

import pytest

from gateway.billing.prices import Price
from gateway.protocol.errors import Refused
from gateway.protocol.events import Complete, Error, Usage
from gateway.routing.breaker import Breaker, Circuit
from gateway.security.principals import anonymous
from tests.event_loop import settle
from tests.gateway.pipeline.log_events import outcomes, retries, terminal_event
from tests.gateway.pipeline.two_targets import DOLLAR_PER_TOKEN, FAILOVER, RACE, SERVER_ERROR, TwoTargets, two_targets
from tests.scripted_upstream import ScriptedCall
from tests.start_requests import start_request

DOLLAR_PER_ANY_TOKEN = Price(1e6, 1e6, 1e6)
PROMPT_TOKENS = 6
"""Estimated tokens of the default prompt."""


async def test_a_running_answer_is_stopped_when_the_budget_is_spent() -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN, budget=10) as harness:
        generation = await harness.start(principal="p")
        await harness.accept(harness.a)
        for _ in range(9):
            await harness.send(harness.a, "four")
        assert not generation.log.ended
        await harness.send(harness.a, "four", "four")
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial, failed.retryable) == ("budget_exceeded", True, False)
        assert failed.cost_usd == 11
        assert failed.retry_after_ms
        assert harness.a.last.closed
        assert not harness.b.calls
        with pytest.raises(Refused) as refused:
            await harness.start(principal="p")
        assert refused.value.status == 402
        await harness.start(principal="q")
        await harness.advance(86_400)
        await harness.start(principal="p")


async def test_generations_of_one_principal_share_what_is_left() -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN, budget=300) as harness:
        first, second = await harness.start(principal="p"), await harness.start(principal="p")
        calls: list[ScriptedCall] = harness.a.calls
        for call in calls:
            call.accept()
        await settle()
        for _ in range(200):
            for call in calls:
                call.send("four")
            await settle()
            if first.log.ended and second.log.ended:
                break
        assert (terminal_event(first).type, terminal_event(second).type) == ("error", "error")
        used = sum(generation.usage().output_tokens or 0 for generation in (first, second))
        # What one generation may use until its next charge is not available to the other.
        assert 300 <= used <= 301


async def test_a_prompt_that_the_budget_does_not_cover_is_not_sent() -> None:
    async with two_targets(price=Price(1e6, 1e6, 1e6), budget=10) as harness:
        generation = await harness.start(start_request("x" * 400), principal="p")
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.cost_usd, failed.partial) == ("budget_exceeded", 0, False)
        assert not harness.a.calls
        # Nothing was spent.
        await harness.start(start_request("x"), principal="p")
        await harness.accept(harness.a)


async def test_a_race_that_the_budget_does_not_cover_is_not_run() -> None:
    async with two_targets(RACE, price=Price(1e6, 1e6, 1e6), budget=10) as harness:
        generation = await harness.start(principal="p")
        await harness.accept(harness.a)
        await harness.advance(0.5)
        assert not harness.b.calls
        await harness.send(harness.a, "x")
        await harness.finish(harness.a, Usage(6, 1, "exact"))
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        assert complete.cost_usd == 7


async def test_a_second_call_that_the_budget_does_not_cover_leaves_no_trace() -> None:
    async with two_targets(RACE, price=DOLLAR_PER_ANY_TOKEN, budget=PROMPT_TOKENS + 2) as harness:
        breaker = harness.targets[1].breaker = Breaker(2)
        breaker.record(SERVER_ERROR, harness.clock.now(), answered=False)
        generation = await harness.start(principal="p")
        await harness.accept(harness.a)
        await harness.advance(0.5)
        assert not harness.b.calls
        # No call was made, so nothing is held, recorded or charged.
        assert harness.targets[1].running == 0
        assert harness.hub.budgets.remaining(anonymous("p").id, harness.clock.unix()) == 2
        breaker.record(SERVER_ERROR, harness.clock.now(), answered=False)
        assert breaker.circuit(harness.clock.now()) is Circuit.OPEN
        await harness.send(harness.a, "x")
        assert harness.targets[1].latency.mean is None
        await harness.finish(harness.a, Usage(1, 1, "exact"))
        complete = terminal_event(generation)
        assert isinstance(complete, Complete)
        assert (complete.cost_usd, generation.cost()) == (2, 2)
        assert outcomes(generation) == ["answered", "budget_exceeded"]


async def test_a_failure_is_retried_though_the_budget_did_not_cover_a_race() -> None:
    async with two_targets(RACE, price=DOLLAR_PER_ANY_TOKEN, budget=PROMPT_TOKENS + 2) as harness:
        generation = await harness.start(principal="p")
        await harness.advance(0.5)
        await harness.refuse(harness.a)
        assert [code for _, _, code, _ in retries(generation)] == ["server_error"]
        assert not generation.log.ended
        await harness.accept(harness.b)
        await harness.send(harness.b, "x")
        await harness.finish(harness.b, Usage(1, 1, "exact"))
        assert terminal_event(generation).type == "complete"


async def test_a_probe_that_the_budget_does_not_cover_does_not_close_the_circuit() -> None:
    async with two_targets(price=DOLLAR_PER_ANY_TOKEN, budget=10) as harness:
        for target in harness.targets:
            target.breaker = Breaker(1, cooldown=5)
            target.breaker.record(SERVER_ERROR, harness.clock.now(), answered=False)
        await harness.advance(5)
        generation = await harness.start(start_request("x" * 400), principal="p")
        failed = terminal_event(generation)
        assert isinstance(failed, Error)
        assert failed.code == "budget_exceeded"
        assert harness.targets[0].breaker.circuit(harness.clock.now()) is Circuit.HALF_OPEN
        assert harness.targets[0].breaker.admit(harness.clock.now())


async def test_the_usage_that_the_provider_reports_is_charged_in_the_end() -> None:
    async with two_targets(price=DOLLAR_PER_TOKEN, budget=12) as harness:
        for _ in range(3):
            await harness.start(principal="p")
            await harness.accept(harness.a)
            await harness.send(harness.a, "x" * 20)
            await harness.finish(harness.a, Usage(0, 3, "exact"))
        assert harness.hub.budgets.remaining(anonymous("p").id, harness.clock.unix()) == pytest.approx(3)
        assert harness.hub.stats()["cost_usd"] == 9


async def run_with_one_price(harness: TwoTargets) -> None:
    """Run a generation whose first target has a price and fails after 4 tokens; the second has none, and continues."""
    harness.targets[0].price, harness.targets[1].price = DOLLAR_PER_TOKEN, None
    harness.b.native = True
    await harness.start(principal="p")
    await harness.accept(harness.a)
    await harness.send(harness.a, "x" * 16)
    await harness.fail(harness.a)
    await harness.accept(harness.b)
    await harness.send(harness.b, "y")
    await harness.finish(harness.b)


async def test_the_known_part_of_a_cost_is_charged() -> None:
    async with two_targets(FAILOVER, budget=10) as harness:
        await run_with_one_price(harness)
        assert harness.hub.budgets.spent(anonymous("p").id, harness.clock.unix()) == 4
        assert harness.hub.stats()["cost_usd"] == 4
