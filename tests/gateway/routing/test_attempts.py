"""Backoff, breaker, retry budget and watchdog, as pure values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker, Circuit, RetryBudget
from gateway.routing.watchdog import Limits, Watchdog

DOWN = Failed(Code.SERVER_ERROR, "down")
BUSY = Failed(Code.RATE_LIMIT, "busy")


@given(st.integers(1, 10), st.floats(0, 1), st.integers(0, 100_000) | st.none())
def test_a_delay_is_within_its_bounds(failed: int, chance: float, retry_after_ms: int | None) -> None:
    failure = Failed(Code.SERVER_ERROR, "down", retry_after_ms=retry_after_ms)
    delay = Backoff(20, retry_base=1, retry_longest=10, retry_within=1000).delay(failure, failed, 0, lambda: chance)
    assert delay is not None
    asked = (retry_after_ms or 0) / 1000
    assert asked <= delay <= asked + min(10, 2 ** (failed - 1))


def test_it_ends_with_the_attempts_and_with_the_time() -> None:
    backoff = Backoff(3, retry_base=1, retry_longest=10, retry_within=60)
    assert backoff.delay(DOWN, 2, 0, lambda: 1.0) == 2
    assert backoff.delay(DOWN, 3, 0, lambda: 1.0) is None
    assert backoff.delay(DOWN, 1, 59.5, lambda: 1.0) is None
    assert backoff.delay(Failed(Code.AUTH_ERROR, "no"), 1, 0, lambda: 1.0) is None


def let_through(breaker: Breaker, failure: Failed | None, now: float, *, answered: bool = False) -> None:
    breaker.record(failure, now, answered=answered, probe=breaker.admit(now))


def open_breaker() -> Breaker:
    breaker = Breaker(3, cooldown=10, max_cooldown=60)
    for _ in range(3):
        let_through(breaker, DOWN, 0)
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(3)
    for failure in (DOWN, DOWN, None, DOWN, DOWN, BUSY, DOWN, DOWN):
        let_through(breaker, failure, 0, answered=failure is None)
    assert breaker.circuit(0) is Circuit.CLOSED
    breaker.record(DOWN, 0, answered=False)
    assert breaker.circuit(0) is Circuit.OPEN
    with pytest.raises(Failed) as failed:
        breaker.admit(4)
    assert failed.value.retry_after_ms == 1000


def test_one_probe_at_a_time_and_each_that_fails_doubles_the_rest() -> None:
    breaker = open_breaker()
    now = 0.0
    for rest in (10, 20, 40, 60, 60):
        with pytest.raises(Failed):
            breaker.admit(now + rest - 0.1)
        now += rest
        probe = breaker.admit(now)
        assert probe
        with pytest.raises(Failed):
            breaker.admit(now)
        breaker.record(DOWN, now, answered=False, probe=probe)


def test_a_probe_that_answers_closes_it_and_one_that_was_stopped_makes_room() -> None:
    breaker = open_breaker()
    let_through(breaker, None, 10)
    assert breaker.circuit(10) is Circuit.HALF_OPEN
    let_through(breaker, None, 10, answered=True)
    assert breaker.circuit(10) is Circuit.CLOSED


def test_a_call_from_before_it_opened_is_not_taken_for_the_probe() -> None:
    breaker = Breaker(1, cooldown=10, max_cooldown=60)
    early = breaker.admit(0)
    let_through(breaker, DOWN, 0)
    probe = breaker.admit(10)
    breaker.record(DOWN, 11, answered=False, probe=early)
    with pytest.raises(Failed):
        breaker.admit(11)
    breaker.record(DOWN, 12, answered=False, probe=probe)
    assert breaker.circuit(31.9) is Circuit.OPEN
    assert breaker.circuit(32) is Circuit.HALF_OPEN


def test_zero_switches_it_off() -> None:
    breaker = Breaker(0)
    for _ in range(100):
        let_through(breaker, DOWN, 0)


def test_a_dying_provider_is_not_hammered() -> None:
    budget, retries = RetryBudget(ratio=0.2, max_balance=10), 0
    for _ in range(1000):
        budget.deposit()
        while budget.withdraw():
            retries += 1
    assert 200 <= retries <= 210


LIMITS = Limits(
    total_timeout=100, first_token_timeout=30, stall_timeout=10, min_chars_per_second=5, rate_window=4, usage_timeout=2
)


def code_at(watchdog: Watchdog, now: float) -> str | None:
    failure = watchdog.find_failure(now)
    return failure.code.value if failure else None


def test_each_clock_has_its_code() -> None:
    waiting = Watchdog(LIMITS, first_call=0, began=0)
    assert (waiting.next_check(), code_at(waiting, 29.9), code_at(waiting, 30)) == (30, None, "first_token_timeout")
    streaming = Watchdog(Limits(stall_timeout=10), 0, 0)
    assert streaming.record_content([Chunk("x" * 5)], 20)
    assert not streaming.record_content([Chunk("x" * 5)], 25)
    assert (streaming.next_check(), code_at(streaming, 34.9), code_at(streaming, 35)) == (35, None, "stalled")
    late = Watchdog(LIMITS, first_call=0, began=90)
    assert (late.next_check(), code_at(late, 100)) == (100, "timeout")


def test_the_floor_is_looked_at_window_by_window() -> None:
    watchdog = Watchdog(LIMITS, 0, 0)
    watchdog.record_content([Chunk("x" * 20)], 0)
    assert (watchdog.next_check(), code_at(watchdog, 4)) == (4, None)
    watchdog.record_content([Chunk("x" * 19)], 7)
    assert (watchdog.next_check(), code_at(watchdog, 8)) == (8, "too_slow")


def test_after_the_end_mark_only_the_figures_are_waited_for() -> None:
    watchdog = Watchdog(LIMITS, 0, 0)
    watchdog.record_content([Chunk("x" * 1)], 1)
    watchdog.record_finish(1)
    assert (watchdog.next_check(), code_at(watchdog, 1000)) == (3, None)
    assert not watchdog.is_complete(2.9)
    assert watchdog.is_complete(3)


def test_without_limits_nothing_runs_out() -> None:
    watchdog = Watchdog(Limits(total_timeout=0, first_token_timeout=0, stall_timeout=0), 0, 0)
    assert watchdog.next_check() is None
    watchdog.record_content([Chunk("x" * 1)], 1)
    assert watchdog.next_check() is None
