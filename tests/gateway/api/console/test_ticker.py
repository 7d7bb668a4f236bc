"""One look a second for all consoles, and none without them."""

import pytest

from gateway.api.console.ticker import TICK_SECONDS, Ticker
from gateway.api.console.view import View
from tests.event_loop import settle
from tests.gateway.api.console.views import row
from tests.manual_clock import ManualClock


class Collector:
    """Counts the looks; `fails` makes the next ones fail."""

    def __init__(self) -> None:
        self.looks = 0
        self.fails = False

    async def collect(self) -> View:
        self.looks += 1
        if self.fails:
            raise ZeroDivisionError
        return View(float(self.looks), running={"g": row("g", chars=self.looks)})


def end_first() -> None:
    pass


def end_second() -> None:
    pass


async def test_nothing_is_collected_while_nobody_watches() -> None:
    clock, collector = ManualClock(), Collector()
    ticker = Ticker(collector.collect, clock)
    clock.advance(10)
    await settle()
    assert collector.looks == 0
    ticker.enter(end_first)
    ticker.enter(end_second)
    await settle()
    assert collector.looks == 1
    ticker.leave(end_first)
    clock.advance(TICK_SECONDS)
    await settle()
    assert collector.looks == 2
    idle: list[bool] = []
    ticker.on_idle = lambda: idle.append(True)
    ticker.leave(end_second)
    await settle()
    assert idle == [True]
    assert clock.pending == 0
    clock.advance(10)
    await settle()
    assert (collector.looks, ticker.consoles) == (2, 0)


async def test_a_slow_console_skips_views() -> None:
    clock, collector = ManualClock(), Collector()
    ticker = Ticker(collector.collect, clock)
    ticker.enter(end_first)
    first = await ticker.newer_than(None)
    for _ in range(3):
        clock.advance(TICK_SECONDS)
        await settle()
    newest = await ticker.newer_than(first)
    assert (first.time, newest.time) == (1, 4)
    assert b'"chars":4' in ticker.frame(first, newest)
    ticker.leave(end_first)
    await settle()


async def test_a_change_is_encoded_once_for_all() -> None:
    ticker = Ticker(Collector().collect, ManualClock())
    old, new = View(1.0, running={"g": row("g")}), View(2.0, running={"g": row("g", chars=1)})
    assert ticker.frame(old, new) is ticker.frame(old, new)
    assert ticker.frame(None, new).startswith(b"event: snapshot\n")


async def test_it_goes_on_after_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    clock, collector = ManualClock(), Collector()
    ticker = Ticker(collector.collect, clock)
    collector.fails = True
    ticker.enter(end_first)
    await settle()
    assert "can't be brought up to date" in caplog.text
    collector.fails = False
    clock.advance(TICK_SECONDS)
    assert (await ticker.newer_than(None)).time == 2
    ticker.leave(end_first)
    await settle()


async def test_all_consoles_are_ended_when_the_gateway_shuts_down() -> None:
    ended: list[str] = []
    ticker = Ticker(Collector().collect, ManualClock())

    def end() -> None:
        ended.append("one")

    ticker.enter(end)
    ticker.close()
    assert ended == ["one"]
    ticker.leave(end)
    await settle()
