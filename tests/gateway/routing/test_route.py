"""The way of one answer through the targets of its model."""

import pytest

from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from tests.support import ScriptedUpstream

NO = Failed(Code.SERVER_ERROR, "no")


def route(count: int, *, attempts: int = 4, within: float = 60, total: float = 0) -> tuple[Route, list[Target]]:
    targets = [Target(ScriptedUpstream(), breaker=Breaker(2, cooldown=10)) for _ in range(count)]
    backoff = Backoff(attempts, retry_base=1, retry_longest=8, retry_within=within)
    return Route(Model("m", targets, Policy(Limits(total_timeout=total), backoff, random=lambda: 1.0)), 0.0), targets


def fail(it: Route, target: Target, failure: Failed = NO, now: float = 0.0) -> None:
    it.record_call(target)
    it.record_failure(target, failure, now)


def test_the_next_one_is_asked_at_once_and_the_first_again_after_its_wait() -> None:
    it, (a, b) = route(2)
    assert it.first_target(0.0) is a
    fail(it, a)
    assert it.next_target(0.0) == (b, 0.0)
    fail(it, b, now=0.2)
    assert it.next_target(0.2) == (a, 0.8)
    fail(it, a, now=1.0)
    assert it.next_target(1.0) == (b, 1.2 - 1.0)
    fail(it, b, now=1.2)
    assert it.next_target(1.2) is None


def test_each_is_asked_once_whatever_the_number_of_attempts() -> None:
    it, targets = route(3, attempts=1)
    asked = [it.first_target(0.0)]
    fail(it, asked[0])
    while (following := it.next_target(0.0)) is not None:
        asked.append(following[0])
        assert following[1] == 0
        fail(it, following[0])
    assert asked == targets


@pytest.mark.parametrize("code", [Code.AUTH_ERROR, Code.MODEL_NOT_FOUND])
def test_what_only_one_of_them_refuses_another_may_take(code: Code) -> None:
    it, (a, b) = route(2)
    fail(it, a, Failed(code, "no"))
    assert it.next_target(0.0) == (b, 0.0)
    fail(it, b, Failed(code, "no"))
    assert it.next_target(0.0) is None


@pytest.mark.parametrize("code", [Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.OUTPUT_LIMIT, Code.BUDGET_EXCEEDED])
def test_what_is_the_requests_own_fault_nobody_else_is_asked(code: Code) -> None:
    it, (a, _) = route(2)
    fail(it, a, Failed(code, "no"))
    assert it.next_target(0.0) is None


def test_what_one_has_no_word_for_another_may_have() -> None:
    it, (a, b) = route(2)
    fail(it, a, UnsupportedOption("seed"))
    assert it.next_target(0.0) == (b, 0.0)


def test_a_wait_that_a_provider_asks_for_holds_for_others_too() -> None:
    it, (a, b) = route(2)
    fail(it, a, Failed(Code.RATE_LIMIT, "no", retry_after_ms=7000))
    assert it.next_target(0.0) == (b, 0.0)
    assert a.cooldown_until == 7.0
    assert it.model.order(6.0) == [b, a]


def test_who_is_left_alone_is_passed_over() -> None:
    it, (a, b) = route(2)
    for _ in range(2):
        a.breaker.record(NO, 0.0, answered=False)
    assert it.first_target(0.0) is b
    fail(it, b)
    # The breaker lets a probe through after 10 seconds; the other one's wait is shorter.
    assert it.next_target(0.0) == (b, 1.0)


def test_if_all_are_left_alone_the_first_says_so() -> None:
    it, targets = route(2)
    for target in targets:
        for _ in range(2):
            target.breaker.record(NO, 0.0, answered=False)
    assert it.first_target(0.0) is targets[0]


def test_all_calls_that_a_target_may_have_are_taken() -> None:
    it, (a, b) = route(2)
    a.max_concurrent = 1
    assert not a.admit(0.0)
    assert it.first_target(0.0) is b
    with pytest.raises(Failed, match="All 1 calls") as failed:
        a.admit(0.0)
    assert (failed.value.code, failed.value.retry_after_ms) == (Code.RATE_LIMIT, None)
    a.release()
    assert it.first_target(0.0) is a


def test_the_time_for_all_of_it_bounds_every_wait() -> None:
    it, (a, b) = route(2)
    fail(it, a)
    fail(it, b)
    assert it.next_target(0.0, left=1.0) is None
    assert it.next_target(0.0, left=1.1) == (a, 1.0)
    it, (a, b) = route(2, within=0.5)
    fail(it, a)
    assert it.next_target(100.0) == (b, 0.0)


def test_a_target_pays_for_being_asked_again_and_gets_it_back_when_it_was_not() -> None:
    it, (a,) = route(1)
    fail(it, a)
    full = a.retry_budget.max_balance
    assert it.next_target(0.0) == (a, 1.0)
    assert a.retry_budget._balance() == full - 1
    it.record_refusal(a)
    assert a.retry_budget._balance() == full


def test_without_budget_another_one_is_asked_again_in_its_place() -> None:
    it, (a, b) = route(2)
    fail(it, a)
    fail(it, b, now=0.5)
    while a.retry_budget.withdraw():
        pass
    assert it.next_target(0.5) == (b, 1.0)


def test_whom_to_race() -> None:
    it, (a, b, c) = route(3)
    it.record_call(a)
    assert it.hedge_target(a, 0.0) is b
    b.max_concurrent = 1
    b.admit(0.0)
    assert it.hedge_target(a, 0.0) is c
    it.calls = 4
    assert it.hedge_target(a, 0.0) is None
