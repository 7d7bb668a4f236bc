"""What an attack on routes, races, failover and budgets has found: each of these went wrong once."""

import pytest

from gateway.billing.budgets import DAY, BudgetCharge, Budgets
from gateway.billing.prices import Price
from gateway.generation.attempt import Attempt
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Complete, Error, Usage
from gateway.routing.breaker import Breaker, Circuit
from gateway.routing.latency import LatencyStats
from gateway.routing.model import Policy
from gateway.security.principals import anonymous
from gateway.upstreams.base import Finished, UpstreamRequest
from tests.gateway.pipeline.test_targets import (
    CUT,
    DOLLAR,
    FAILOVER,
    NO,
    RACE,
    Stage,
    dying,
    end,
    ends,
    events,
    race,
    retries,
    stage,
    starts,
)
from tests.support import ANYBODY, ask, settle, types, user

ALL_TOKENS = Price(1e6, 1e6, 1e6)
PROMPT = 6
"""What a start costs at a dollar a token."""

# Races.


async def test_a_text_that_broke_off_is_not_made_whole_by_one_that_ended_without_a_word() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        await it.finish(it.a)
        await it.say(it.b, "Once upon")
        await it.die(it.b)
        failed = end(generation)
        assert isinstance(failed, Error)
        assert (failed.code, failed.partial) == ("truncated", True)
        assert starts(generation) == [("a", 1, 1), ("b", 2, 1)]


async def test_one_that_is_given_up_when_the_other_has_won_is_no_news() -> None:
    async with stage(RACE) as it:
        generation = await race(it)
        await it.opened(it.b)
        # In one turn: the first one's time is over, and the second one's text is there.
        it.b.last.send("Hello")
        it.clock.advance(59.5)
        await settle()
        await it.finish(it.b)
        assert types(generation.log) == ["accepted", "start", "start", "chunk", "complete"]
        assert ends(generation) == ["first_token_timeout", "answered"]


async def test_a_second_that_the_budget_does_not_cover_is_none() -> None:
    async with stage(RACE, price=ALL_TOKENS, budget=PROMPT + 2) as it:
        breaker = it.targets[1].breaker = Breaker(2)
        breaker.record(NO, it.clock.now(), answered=False)
        generation = await it.start(principal="p")
        await it.opened(it.a)
        await it.later(0.5)
        assert not it.b.calls
        # Nobody is called, so nothing is held, learned, or charged.
        assert it.targets[1].running == 0
        assert it.hub._budgets.remaining(anonymous("p").id, it.clock.unix()) == 2
        breaker.record(NO, it.clock.now(), answered=False)
        assert breaker.circuit(it.clock.now()) is Circuit.OPEN
        await it.say(it.a, "x")
        assert it.targets[1].latency.mean is None
        await it.finish(it.a, Usage(1, 1, "exact"))
        complete = end(generation)
        assert isinstance(complete, Complete)
        assert (complete.cost_usd, generation.cost()) == (2, 2)
        assert ends(generation) == ["answered", "budget_exceeded"]


async def test_the_first_is_asked_again_though_there_was_no_budget_for_a_second() -> None:
    async with stage(RACE, price=ALL_TOKENS, budget=PROMPT + 2) as it:
        generation = await it.start(principal="p")
        await it.later(0.5)
        await it.refuse(it.a)
        assert [code for _, _, code, _ in retries(generation)] == ["server_error"]
        assert not generation.log.ended
        await it.opened(it.b)
        await it.say(it.b, "x")
        await it.finish(it.b, Usage(1, 1, "exact"))
        assert end(generation).type == "complete"


async def test_a_probe_that_is_not_paid_for_does_not_close_the_circuit() -> None:
    async with stage(price=ALL_TOKENS, budget=10) as it:
        for target in it.targets:
            target.breaker = Breaker(1, cooldown=5)
            target.breaker.record(NO, it.clock.now(), answered=False)
        await it.later(5)
        generation = await it.start(ask("x" * 400), principal="p")
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.code == "budget_exceeded"
        assert it.targets[0].breaker.circuit(it.clock.now()) is Circuit.HALF_OPEN
        assert it.targets[0].breaker.admit(it.clock.now())


async def test_who_asked_to_be_left_alone_is_not_raced() -> None:
    async with stage(RACE) as it:
        it.targets[1].cooldown_until = it.clock.now() + 7
        await race(it)
        assert not it.b.calls


async def test_who_failed_before_pays_for_a_race_as_for_a_retry() -> None:
    async with stage(Policy(hedge=2)) as it:
        budget = it.targets[0].retry_budget
        await it.start()
        await it.refuse(it.a)
        await it.opened(it.b)
        while budget.withdraw():
            pass
        await it.later(8)
        assert len(it.a.calls) == 1


# How fast they are.


async def test_an_answer_that_came_in_one_read_has_a_pace() -> None:
    async with stage() as it:
        await it.start()
        await it.opened(it.a)
        it.clock.advance(0.3)
        it.a.last.send("Hello", Finished("stop"), Usage(1, 1, "exact"))
        it.a.last.finish()
        await settle()
        assert it.targets[0].latency.mean == pytest.approx(0.3)


async def test_a_race_that_was_short_says_nothing_of_the_loser() -> None:
    async with stage(RACE) as it:
        it.targets[1].latency.add(2.0)
        await race(it)
        await it.opened(it.b)
        await it.later(0.01)
        await it.say(it.a, "x")
        assert ends(await it.start())[:1] == [None]
        assert it.targets[1].latency.mean == 2.0


async def test_who_is_given_up_is_not_the_fastest_for_long() -> None:
    async with stage() as it:
        it.targets[0].latency.add(0.1)
        await it.start()
        await it.opened(it.a)
        await it.later(60)
        assert it.targets[0].latency.mean == pytest.approx(0.1 + 0.2 * 59.9)


def test_a_time_that_was_cut_off_counts_if_it_is_longer_than_expected() -> None:
    latency = LatencyStats()
    latency.add_timeout(1.0)
    latency.add_timeout(0.5)
    assert latency.mean == 1.0
    latency.add_timeout(2.0)
    assert latency.mean == pytest.approx(1.2)


# Failover.


async def test_a_text_is_not_thrown_away_before_there_is_another() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=False)
        await it.opened(it.b)
        assert generation.log.text() == "Once upon "
        await it.die(it.b)
        await it.later(1)
        await it.refuse(it.a, Failed(Code.INVALID_REQUEST, "no"))
        failed = end(generation)
        assert isinstance(failed, Error)
        assert failed.partial
        assert (generation.log.text(), generation.revision) == ("Once upon ", 1)
        assert types(generation.log) == ["accepted", "start", "chunk", "retry", "retry", "error"]


async def test_one_that_would_have_begun_anew_and_failed_leaves_the_text_to_one_that_goes_on() -> None:
    async with stage(FAILOVER) as it:
        it.a.native = True
        generation = await dying(it, native=False)
        await it.refuse(it.b)
        await it.later(1)
        assert it.a.last.call.continues
        await it.opened(it.a)
        await it.say(it.a, " a time")
        await it.finish(it.a)
        assert (generation.log.text(), generation.revision) == ("Once upon a time", 1)


async def test_feedback_before_a_text_was_begun_anew_is_on_what_is_there() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=False)
        await it.opened(it.b)
        it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
        await settle()
        said = [(m.role, m.content) for m in it.a.last.call.messages]
        assert said == [("user", "Hello"), ("assistant", "Once upon "), ("user", "shorter")]
        await it.opened(it.a)
        await it.say(it.a, "Once.")
        await it.finish(it.a)
        assert (generation.log.text(), generation.revision) == ("Once.", 2)


async def test_an_upstream_that_breaks_when_asked_whether_it_can_go_on_leaves_nothing_held() -> None:
    async with stage(FAILOVER) as it:

        def broken(_call: UpstreamRequest) -> bool:
            raise RuntimeError

        it.b.can_continue = broken  # type: ignore[method-assign]
        generation = await dying(it, native=True)
        assert generation.state is State.ERROR
        assert it.targets[1].running == 0


async def test_an_empty_piece_of_a_continuation_wins_nothing() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=True, words="Once \n ")
        await it.opened(it.b)
        it.b.last.send(Chunk(" \n"))
        it.b.last.send(Chunk(" upon"))
        it.b.last.fail(CUT)
        await settle()
        assert generation.log.text() == "Once \n upon"


# Retries.


async def test_a_retry_that_was_paid_for_and_not_made_is_given_back() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.refuse(it.a)
        await it.refuse(it.b)
        assert it.targets[0].retry_budget.balance == 9
        it.hub.interrupt(generation.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        assert it.targets[0].retry_budget.balance == 10


# The bill.


async def mixed(it: Stage) -> None:
    """Have the first, whose price is known, die after 4 tokens, and the second, whose price is not, go on."""
    it.targets[0].price, it.targets[1].price = DOLLAR, None
    it.b.native = True
    await it.start(principal="p")
    await it.opened(it.a)
    await it.say(it.a, "x" * 16)
    await it.die(it.a)
    await it.opened(it.b)
    await it.say(it.b, "y")
    await it.finish(it.b)


async def test_what_is_known_of_a_cost_is_charged_though_not_all_of_it_is() -> None:
    async with stage(FAILOVER, budget=10) as it:
        await mixed(it)
        assert it.hub._budgets.spent(anonymous("p").id, it.clock.unix()) == 4
        assert it.hub.stats()["cost_usd"] == 4


async def test_what_the_provider_does_not_tell_is_charged_by_estimate() -> None:
    it = Attempt(1, 1, (user("x" * 36),), price=ALL_TOKENS)  # 13 tokens by the estimate
    it.text_bytes = 40
    it.set_usage(Usage(None, 12, "exact"), final=True)
    assert (it.cost(), it.charged()) == (None, 25)
    it.forget_prompt()
    assert (it.cost(), it.charged()) == (None, 25)


def test_what_was_charged_too_much_yesterday_is_not_more_to_spend_today() -> None:
    budgets = Budgets(10.0)
    late, other = BudgetCharge(budgets, "a"), BudgetCharge(budgets, "a")
    late.charge_to_date(9.0, DAY - 1)
    other.charge_to_date(3.0, DAY + 1)
    assert late.charge_to_date(1.0, DAY + 1) == 7.0
    # From now on it is charged what it costs beyond that.
    assert late.charge_to_date(2.0, DAY + 2) == 6.0
    assert late.charge_to_date(1.5, DAY + 3) == 6.5


# What interrupts saved.


@pytest.mark.parametrize("second", [False, True])
async def test_how_long_an_answer_became_is_told_by_who_won(*, second: bool) -> None:
    async with stage(RACE) as it:
        await race(it)
        await it.opened(it.b)
        winner = it.b if second else it.a
        await it.say(winner, "x")
        await it.finish(winner, Usage(0, 100, "exact"))
        generation = await it.start()
        await it.opened(it.a)
        await it.say(it.a, "x" * 80)
        it.hub.interrupt(generation.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        assert it.hub.statistics.savings.tokens == 80


async def test_an_answer_that_went_on_elsewhere_is_as_long_as_all_of_it() -> None:
    async with stage(FAILOVER) as it:
        await dying(it, native=True, words="x" * 80)
        await it.opened(it.b)
        await it.say(it.b, "y")
        await it.finish(it.b, Usage(0, 30, "exact"))
        assert list(it.hub.statistics.savings._lengths["m"]) == [50]


# Not mended yet.


async def test_an_answer_waits_for_a_target_that_is_full_as_it_does_for_a_slot() -> None:
    async with stage() as it:
        for target in it.targets:
            target.max_concurrent = 1
        await it.start()
        await it.start()
        waiting = await it.start()
        for _ in range(15):
            await it.later(1)
        assert not [e for e in events(waiting) if e.type == "retry"]
        assert not waiting.log.ended
        assert types(waiting.log) == ["accepted", "queued"]
        it.hub.interrupt(next(iter(it.hub._records._by_id)), InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        assert it.a.open_calls == 1
        await it.opened(it.a)
        await it.say(it.a, "x")
        await it.finish(it.a)
        assert types(waiting.log) == ["accepted", "queued", "start", "chunk", "complete"]
        waiting = await it.start()
        last = await it.start()
        await it.later(30)
        failed = end(last)
        assert isinstance(failed, Error)
        assert (failed.code, last.attempts) == ("queue_timeout", [])


async def test_who_leaves_the_queue_for_a_target_hands_on_the_room_that_was_meant_for_it() -> None:
    async with stage() as it:
        for target in it.targets:
            target.max_concurrent = 1
        first, _ = await it.start(), await it.start()
        waiting, behind = await it.start(), await it.start()
        it.hub.interrupt(first.id, InterruptRequest(), it.clock.now(), ANYBODY)
        it.hub.interrupt(waiting.id, InterruptRequest(), it.clock.now(), ANYBODY)
        await settle()
        assert (waiting.attempts, len(behind.attempts)) == ([], 1)


async def test_a_revise_long_after_the_first_call_may_wait_for_a_retry() -> None:
    async with stage() as it:
        generation = await it.start()
        await it.opened(it.a)
        for _ in range(10):
            await it.say(it.a, "x")
            await it.later(10)
        it.hub.feedback(generation.id, FeedbackRequest(text="shorter"), it.clock.now(), ANYBODY)
        await settle()
        await it.refuse(it.a)
        await it.refuse(it.b)
        assert retries(generation)[-1] == (3, "b", "server_error", 1000)


async def test_who_only_fails_is_not_the_fastest() -> None:
    async with stage(Policy(routing="fastest")) as it:
        await it.start()
        await it.refuse(it.a, Failed(Code.AUTH_ERROR, "no"))
        await it.opened(it.b)
        await it.later(1)
        await it.say(it.b, "x")
        await it.finish(it.b)
        await it.start()
        assert (len(it.a.calls), len(it.b.calls)) == (1, 2)


async def test_a_model_that_refuses_to_go_on_is_asked_anew() -> None:
    async with stage(FAILOVER) as it:
        generation = await dying(it, native=True)
        await it.refuse(it.b, Failed(Code.INVALID_REQUEST, "prefill is not supported"))
        assert [call.call.continues for call in it.b.calls] == [True, False]
        await it.opened(it.b)
        await it.say(it.b, "Anew")
        await it.finish(it.b)
        assert generation.log.text() == "Anew"
        assert retries(generation) == [(1, "a", "truncated", 0), (2, "b", "invalid_request", 0)]
