"""Timers that share those of the event loop."""

import asyncio
import weakref
from collections.abc import Callable, Iterator
from contextvars import Context
from functools import partial
from typing import TypeVarTuple

import pytest

from gateway.clock import COARSE_SECONDS, SystemClock
from gateway.coarse_timers import SLICE, TICK_SECONDS, CoarseTimer, CoarseTimers

Ts = TypeVarTuple("Ts")


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is moved by hand, and which counts its timers."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds, self.timers, self.errors = 1000.0, 0, list[str]()
        self.set_exception_handler(lambda _loop, context: self.errors.append(str(context["exception"])))

    def time(self) -> float:
        return self.seconds

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)

    def advance(self, seconds: float) -> None:
        """Move the time, and run one turn."""
        self.seconds += seconds
        self.call_soon(self.stop)
        self.run_forever()


@pytest.fixture
def loop() -> Iterator[Loop]:
    opened = Loop()
    yield opened
    opened.close()


def test_timers_of_one_tick_share_one_of_the_loop(loop: Loop) -> None:
    timers, called = CoarseTimers(), list[int]()
    for number in range(3):
        timers.call_later(loop, 10 - number / 1000, partial(called.append, number))
    assert loop.timers == 1
    loop.advance(10 - TICK_SECONDS)
    assert called == []
    loop.advance(TICK_SECONDS)
    assert called == [0, 1, 2]


@pytest.mark.parametrize("delay", [1, 1.01, 3.7, 10, 300.001])
def test_a_timer_is_late_by_at_most_a_tick_and_never_early(loop: Loop, delay: float) -> None:
    timers, called = CoarseTimers(), list[float]()
    loop.seconds += 0.03
    due = loop.seconds + delay
    timers.call_later(loop, delay, lambda: called.append(loop.seconds))
    while not called:
        loop.advance(0.01)
    assert due <= called[0] <= due + TICK_SECONDS + 0.02


def test_a_cancelled_timer_calls_nothing_and_is_forgotten_at_once(loop: Loop) -> None:
    timers, called = CoarseTimers(), list[str]()

    class Callback:
        def __call__(self) -> None:
            called.append("cancelled")

    callback = Callback()
    seen = weakref.ref(callback)
    timer = timers.call_later(loop, 1, callback)
    timers.call_later(loop, 1, lambda: called.append("kept"))
    timer.cancel()
    timer.cancel()
    del callback
    assert seen() is None
    loop.advance(2)
    assert called == ["kept"]
    timer.cancel()


def test_a_callback_may_cancel_a_timer_of_its_tick_and_start_another(loop: Loop) -> None:
    timers, called, others = CoarseTimers(), list[str](), list[CoarseTimer]()

    def first() -> None:
        called.append("first")
        others[0].cancel()
        timers.call_later(loop, 1, lambda: called.append("next"))

    timers.call_later(loop, 1, first)
    others.append(timers.call_later(loop, 1, lambda: called.append("cancelled")))
    loop.advance(1)
    assert called == ["first"]
    loop.advance(1)
    assert called == ["first", "next"]


def test_many_timers_of_one_tick_are_called_in_slices(loop: Loop) -> None:
    timers, called = CoarseTimers(), list[int]()
    for number in range(2 * SLICE + 1):
        timers.call_later(loop, 1, partial(called.append, number))
    loop.advance(1)
    assert called == [*range(SLICE)]
    loop.advance(0)
    loop.advance(0)
    assert called == [*range(2 * SLICE + 1)]


def test_a_callback_that_fails_keeps_no_other_from_being_called(loop: Loop) -> None:
    timers, called = CoarseTimers(), list[str]()

    def fail() -> None:
        raise ValueError("failed")

    timers.call_later(loop, 1, fail)
    timers.call_later(loop, 1, lambda: called.append("next"))
    loop.advance(1)
    loop.advance(0)
    assert (loop.errors, called) == (["failed"], ["next"])


def test_each_loop_has_slots_of_its_own(loop: Loop) -> None:
    timers, called, other = CoarseTimers(), list[str](), Loop()
    timers.call_later(loop, 1, lambda: called.append("one"))
    timers.call_later(other, 1, lambda: called.append("other"))
    other.advance(1)
    assert called == ["other"]
    loop.advance(1)
    assert called == ["other", "one"]
    other.close()


def test_the_clock_rounds_only_long_delays(loop: Loop) -> None:
    clock = SystemClock()

    async def start(delay: float) -> bool:
        timer = clock.call_later(delay, lambda: None)
        timer.cancel()
        return isinstance(timer, CoarseTimer)

    assert [loop.run_until_complete(start(delay)) for delay in (COARSE_SECONDS / 2, COARSE_SECONDS)] == [False, True]
