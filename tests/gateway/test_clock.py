"""The restartable timer: at most one call is pending, and nothing of it stays when it has fired or was cancelled."""

import weakref

from gateway.clock import RestartableTimer
from tests.manual_clock import ManualClock


def test_it_calls_once_after_its_delay() -> None:
    clock, calls = ManualClock(), list[float]()
    timer = RestartableTimer(clock)
    timer.start(2, lambda: calls.append(clock.now()))
    clock.advance(1.9)
    assert calls == []
    clock.advance(10)
    assert calls == [1002]
    assert clock.pending == 0


def test_starting_it_again_replaces_the_pending_call() -> None:
    clock, calls = ManualClock(), list[str]()
    timer = RestartableTimer(clock)
    timer.start(1, lambda: calls.append("first"))
    timer.start(3, lambda: calls.append("second"))
    assert clock.pending == 1
    clock.advance(2)
    assert calls == []
    clock.advance(1)
    assert calls == ["second"]


def test_a_cancelled_timer_calls_nothing_and_can_be_started_again() -> None:
    clock, calls = ManualClock(), list[str]()
    timer = RestartableTimer(clock)
    timer.cancel()
    timer.start(1, lambda: calls.append("cancelled"))
    timer.cancel()
    timer.cancel()
    assert clock.pending == 0
    timer.start(1, lambda: calls.append("started again"))
    clock.advance(1)
    assert calls == ["started again"]


def test_its_own_callback_may_start_it_again() -> None:
    clock, calls = ManualClock(), list[float]()
    timer = RestartableTimer(clock)

    def tick() -> None:
        calls.append(clock.now())
        if len(calls) < 3:
            timer.start(1, tick)

    timer.start(1, tick)
    clock.advance(10)
    assert calls == [1001, 1002, 1003]
    assert clock.pending == 0


def test_a_callback_that_was_called_or_cancelled_is_not_kept() -> None:
    class Owner:
        def call(self) -> None:
            pass

    clock = ManualClock()
    timer = RestartableTimer(clock)
    for fires in (True, False):
        owner = Owner()
        kept = weakref.ref(owner)
        timer.start(1, owner.call)
        del owner
        assert kept() is not None
        clock.advance(1) if fires else timer.cancel()
        assert kept() is None
