"""The route of one generation through the targets of its model."""

import pytest

from gateway.protocol.errors import Code, Failed, UnsupportedOption
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.route import Route
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from tests.scripted_upstream import ScriptedUpstream

NO = Failed(Code.SERVER_ERROR, "no")


def new_route(count: int, *, attempts: int = 4, within: float = 60, total: float = 0) -> tuple[Route, list[Target]]:
    targets = [Target(ScriptedUpstream(), breaker=Breaker(2, cooldown=10)) for _ in range(count)]
    backoff = Backoff(attempts, retry_base=1, retry_longest=8, retry_within=within)
    return Route(Model("m", targets, Policy(Limits(total_timeout=total), backoff, random=lambda: 1.0)), 0.0), targets


def fail(route: Route, target: Target, failure: Failed = NO, now: float = 0.0) -> None:
    route.record_call(target)
    route.record_failure(target, failure, now)


def test_the_next_target_is_called_at_once_and_the_first_again_after_its_delay() -> None:
    route, (a, b) = new_route(2)
    assert route.first_target(0.0) is a
    fail(route, a)
    assert route.next_target(0.0) == (b, 0.0)
    fail(route, b, now=0.2)
    assert route.next_target(0.2) == (a, 0.8)
    fail(route, a, now=1.0)
    assert route.next_target(1.0) == (b, 1.2 - 1.0)
    fail(route, b, now=1.2)
    assert route.next_target(1.2) is None


def test_each_target_is_called_once_even_if_max_attempts_is_lower() -> None:
    route, targets = new_route(3, attempts=1)
    called = [route.first_target(0.0)]
    fail(route, called[0])
    while (following := route.next_target(0.0)) is not None:
        called.append(following[0])
        assert following[1] == 0
        fail(route, following[0])
    assert called == targets


@pytest.mark.parametrize("code", [Code.PROVIDER_AUTH, Code.PROVIDER_QUOTA, Code.MODEL_NOT_FOUND])
def test_a_fault_of_one_target_leads_to_the_next(code: Code) -> None:
    route, (a, b) = new_route(2)
    fail(route, a, Failed(code, "no"))
    assert route.next_target(0.0) == (b, 0.0)
    fail(route, b, Failed(code, "no"))
    assert route.next_target(0.0) is None


@pytest.mark.parametrize(
    "code",
    [Code.INVALID_REQUEST, Code.CONTENT_FILTER, Code.OUTPUT_LIMIT, Code.BUDGET_EXCEEDED, Code.EVENT_TOO_LARGE],
)
def test_a_fault_of_the_request_ends_the_route(code: Code) -> None:
    route, (a, _) = new_route(2)
    fail(route, a, Failed(code, "no"))
    assert route.next_target(0.0) is None


def test_an_option_unsupported_by_one_target_leads_to_the_next() -> None:
    route, (a, b) = new_route(2)
    fail(route, a, UnsupportedOption("seed"))
    assert route.next_target(0.0) == (b, 0.0)


def test_a_rate_limit_puts_the_target_into_cooldown_for_all_generations() -> None:
    route, (a, b) = new_route(2)
    fail(route, a, Failed(Code.RATE_LIMIT, "no", retry_after_ms=7000))
    assert route.next_target(0.0) == (b, 0.0)
    assert a.cooldown_until == 7.0
    assert route.model.order(6.0) == [b, a]


def test_a_target_with_an_open_circuit_is_skipped() -> None:
    route, (a, b) = new_route(2)
    for _ in range(2):
        a.breaker.record(NO, 0.0, answered=False)
    assert route.first_target(0.0) is b
    fail(route, b)
    # The breaker lets a probe through after 10 seconds; the other one's wait is shorter.
    assert route.next_target(0.0) == (b, 1.0)


def test_if_all_circuits_are_open_the_first_target_is_returned() -> None:
    route, targets = new_route(2)
    for target in targets:
        for _ in range(2):
            target.breaker.record(NO, 0.0, answered=False)
    assert route.first_target(0.0) is targets[0]


def test_the_remaining_time_bounds_every_delay() -> None:
    route, (a, b) = new_route(2)
    fail(route, a)
    fail(route, b)
    assert route.next_target(0.0, seconds_left=1.0) is None
    assert route.next_target(0.0, seconds_left=1.1) == (a, 1.0)
    route, (a, b) = new_route(2, within=0.5)
    fail(route, a)
    assert route.next_target(100.0) == (b, 0.0)


def test_a_retry_is_paid_from_the_budget_and_refunded_if_not_made() -> None:
    route, (a,) = new_route(1)
    fail(route, a)
    full = a.retry_budget.max_balance
    assert route.next_target(0.0) == (a, 1.0)
    assert a.retry_budget.balance == full - 1
    route.record_refusal(a)
    assert a.retry_budget.balance == full


def test_without_retry_budget_another_target_is_retried_instead() -> None:
    route, (a, b) = new_route(2)
    fail(route, a)
    fail(route, b, now=0.5)
    while a.retry_budget.withdraw():
        pass
    assert route.next_target(0.5) == (b, 1.0)


def test_which_target_to_hedge_with() -> None:
    route, (a, b, c) = new_route(3)
    route.record_call(a)
    assert route.hedge_target(a, 0.0) is b
    b.max_concurrent = 1
    b.admit(0.0)
    assert route.hedge_target(a, 0.0) is c
    route.calls = 4
    assert route.hedge_target(a, 0.0) is None
