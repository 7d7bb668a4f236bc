"""The steady part of a load is measured only while all its streams run."""

import os
from collections.abc import Callable

from tests.bench.messages import ProviderStats
from tests.bench.meter import SteadyMeter
from tests.bench.processes import Server, StartUsage
from tests.bench.scenarios import Window

OWN = Server(os.getpid(), 0, StartUsage(0, 0, 0))


def meter_of(*stats: ProviderStats) -> SteadyMeter:
    """Return a meter of this process: 2 s, after 8 streams have run for 1 s. The provider has these counts in turn."""
    return released_meter_of(lambda: None, *stats)


def released_meter_of(release: Callable[[], None], *stats: ProviderStats) -> SteadyMeter:
    """Return the same meter, with what is to be called once all streams run."""
    remaining = iter(stats)
    return SteadyMeter(OWN, Window(settle_seconds=1, seconds=2), 8, lambda: next(remaining), release)


def test_the_window_is_measured() -> None:
    meter = meter_of(
        ProviderStats(running=7),
        ProviderStats(running=8),
        ProviderStats(running=8, tokens=100),
        ProviderStats(running=8, tokens=160),
    )
    for now in (10.0, 10.5, 11.0, 11.5, 12.0, 13.4, 13.5, 14.0):
        meter.on_time(now)
    usage = meter.usage()
    assert usage is not None
    assert usage.tokens == 60
    assert usage.user + usage.kernel > 0


def test_unless_all_streams_go_on_nothing_is_measured() -> None:
    meter = meter_of(*(ProviderStats(running=count) for count in (8, 8, 7)))
    for now in (0, 1, 3):
        meter.on_time(now)
    assert meter.usage() is None


def test_a_load_that_ends_before_its_window_is_not_measured() -> None:
    meter = meter_of(ProviderStats(running=8), ProviderStats(running=8))
    for now in (0, 1, 2):
        assert meter.usage() is None
        meter.on_time(now)
    assert meter.usage() is None


def test_answers_are_released_once_when_all_streams_run() -> None:
    released: list[float] = []
    now = 0.0
    meter = released_meter_of(lambda: released.append(now), *(ProviderStats(running=count) for count in (6, 7, 8, 8)))
    for now in (0.0, 5.0, 9.0, 9.5, 10.0):
        meter.on_time(now)
    assert released == [9.0]
