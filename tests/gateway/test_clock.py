"""The restartable timer: at most one call is pending, nothing of it stays, and it judges after reading."""

import asyncio
import socket
import weakref
from collections.abc import Callable

import pytest
import uvloop

from gateway.clock import MAX_EXTENSION_SECONDS, RestartableTimer, SystemClock, time_limit
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


class Reader(asyncio.Protocol):
    """Handles what it reads in a task, two turns of the event loop later, as a request is handled."""

    def __init__(self, on_handled: Callable[[], None]) -> None:
        self._on_handled = on_handled
        self._tasks: list[asyncio.Task[None]] = []

    def data_received(self, _data: bytes) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._handle()))

    async def _handle(self) -> None:
        await asyncio.sleep(0)
        self._on_handled()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("delay", [0.0, 0.01])
def test_what_waits_in_a_socket_is_handled_before_a_limit_is_judged(
    new_loop: Callable[[], asyncio.AbstractEventLoop], delay: float
) -> None:
    async def wait() -> list[str]:
        order, judged = list[str](), asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = await asyncio.get_running_loop().create_server(
                lambda: Reader(lambda: order.append("handled")), sock=listening
            )
            async with server:
                timer = RestartableTimer(SystemClock())
                timer.start_limit(delay, lambda: (order.append("judged"), judged.set()))  # type: ignore[func-returns-value, arg-type]
                # The connection waits to be accepted, and its request to be read.
                with socket.create_connection(listening.getsockname()) as client:
                    client.send(b"request")
                    await judged.wait()
        return order

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(wait()) == ["handled", "judged"]


async def test_after_reading_can_be_cancelled_and_keeps_nothing() -> None:
    class Owner:
        def call(self) -> None:
            calls.append("called")

    calls = list[str]()
    for cancelled in (True, False):
        owner = Owner()
        kept, timer = weakref.ref(owner), SystemClock().after_reading(owner.call)
        del owner
        if cancelled:
            timer.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert kept() is None
    assert calls == ["called"]


@pytest.mark.parametrize(("paused", "extended"), [(2.5, 0.0), (14.0, 12.0), (1000.0, MAX_EXTENSION_SECONDS)])
def test_a_pause_extends_a_limit_by_as_much_as_its_timer_was_late(paused: float, extended: float) -> None:
    clock, calls = ManualClock(), list[float]()
    RestartableTimer(clock).start_limit(2, lambda: calls.append(clock.now()))
    clock.pause(paused)
    clock.advance(0)
    assert calls == ([] if extended else [1000 + paused])
    clock.advance(extended)
    assert calls == [1000 + paused + extended]


def test_a_limit_that_is_kept_after_a_pause_is_not_judged() -> None:
    clock, calls = ManualClock(), list[str]()
    timer = RestartableTimer(clock)
    timer.start_limit(2, lambda: calls.append("judged"))
    clock.pause(14)
    clock.advance(1)
    timer.cancel()
    clock.advance(100)
    assert calls == []


async def test_a_time_limit_ends_what_is_awaited() -> None:
    clock = ManualClock()
    with pytest.raises(TimeoutError):
        async with time_limit(2, clock):
            clock.advance(2)
            await asyncio.Event().wait()
    assert clock.pending == 0


async def test_what_is_awaited_and_waits_at_the_end_of_a_pause_is_not_late() -> None:
    clock, arrived = ManualClock(), asyncio.Event()
    async with time_limit(2, clock):
        clock.pause(2.5)
        clock.advance(0)
        asyncio.get_running_loop().call_soon(arrived.set)
        await arrived.wait()
    assert clock.pending == 0
