"""The circuit breaker's states, and the retry budget."""

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.routing.breaker import Breaker, Circuit, RetryBudget

DOWN = Failed(Code.SERVER_ERROR, "down")
BUSY = Failed(Code.RATE_LIMIT, "busy")


def record_call(breaker: Breaker, failure: Failed | None, now: float, *, answered: bool = False) -> None:
    breaker.record(failure, now, answered=answered, probe=breaker.admit(now))


def open_breaker() -> Breaker:
    breaker = Breaker(3, cooldown=10, max_cooldown=60)
    for _ in range(3):
        record_call(breaker, DOWN, 0)
    return breaker


def test_it_opens_after_consecutive_failures_only() -> None:
    breaker = Breaker(3)
    for failure in (DOWN, DOWN, None, DOWN, DOWN, BUSY, DOWN, DOWN):
        record_call(breaker, failure, 0, answered=failure is None)
    assert breaker.circuit(0) is Circuit.CLOSED
    breaker.record(DOWN, 0, answered=False)
    assert breaker.circuit(0) is Circuit.OPEN
    with pytest.raises(Failed) as failed:
        breaker.admit(4)
    assert failed.value.retry_after_ms == 1000
    # The reason stays visible: it may be one that a wait does not mend, such as an expired certificate.
    assert failed.value.message.endswith("Its last failure: down")


def test_one_probe_at_a_time_and_each_that_fails_doubles_the_cooldown() -> None:
    breaker = open_breaker()
    now = 0.0
    for cooldown in (10, 20, 40, 60, 60):
        with pytest.raises(Failed):
            breaker.admit(now + cooldown - 0.1)
        now += cooldown
        probe = breaker.admit(now)
        assert probe
        with pytest.raises(Failed):
            breaker.admit(now)
        breaker.record(DOWN, now, answered=False, probe=probe)


def test_an_answered_probe_closes_the_circuit_and_a_cancelled_one_admits_another() -> None:
    breaker = open_breaker()
    record_call(breaker, None, 10)
    assert breaker.circuit(10) is Circuit.HALF_OPEN
    record_call(breaker, None, 10, answered=True)
    assert breaker.circuit(10) is Circuit.CLOSED


def test_a_call_admitted_before_the_circuit_opened_is_not_the_probe() -> None:
    breaker = Breaker(1, cooldown=10, max_cooldown=60)
    early = breaker.admit(0)
    record_call(breaker, DOWN, 0)
    probe = breaker.admit(10)
    breaker.record(DOWN, 11, answered=False, probe=early)
    with pytest.raises(Failed):
        breaker.admit(11)
    breaker.record(DOWN, 12, answered=False, probe=probe)
    assert breaker.circuit(31.9) is Circuit.OPEN
    assert breaker.circuit(32) is Circuit.HALF_OPEN


def test_the_record_that_changes_the_circuit_returns_its_new_state() -> None:
    breaker = Breaker(2, cooldown=10)
    changes = [
        breaker.record(None, 0, answered=True),
        breaker.record(DOWN, 0, answered=False),
        breaker.record(None, 0, answered=False),
        breaker.record(DOWN, 0, answered=False),
        breaker.record(DOWN, 1, answered=False),
        breaker.record(DOWN, 10, answered=False, probe=breaker.admit(10)),
        breaker.record(None, 30, answered=True, probe=breaker.admit(30)),
        breaker.record(None, 30, answered=True),
    ]
    assert changes == [None, None, None, Circuit.OPEN, None, Circuit.OPEN, Circuit.CLOSED, None]


def test_a_threshold_of_zero_disables_the_breaker() -> None:
    breaker = Breaker(0)
    for _ in range(100):
        record_call(breaker, DOWN, 0)


def test_the_retry_budget_bounds_the_retries_to_a_failing_provider() -> None:
    budget, retries = RetryBudget(ratio=0.2, max_balance=10), 0
    for _ in range(1000):
        budget.deposit()
        while budget.withdraw():
            retries += 1
    assert 200 <= retries <= 210
