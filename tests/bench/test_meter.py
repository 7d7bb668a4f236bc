"""The steady part of a load is measured only while all its streams run."""

import os

import pytest

from tests.bench.messages import ProviderStats
from tests.bench.meter import SteadyMeter
from tests.bench.processes import Server, StartUsage
from tests.bench.scenarios import Window

OWN = Server(os.getpid(), 0, StartUsage(0, 0, 0))


def meter_of(*stats: ProviderStats) -> SteadyMeter:
    """Return a meter of this process with a window from second 1 to 2, and a provider with these counts in turn."""
    remaining = iter(stats)
    return SteadyMeter(OWN, Window(1, 2), 8, lambda: next(remaining))


def test_the_window_is_measured() -> None:
    meter = meter_of(ProviderStats(running=8, tokens=100), ProviderStats(running=8, tokens=160))
    for seconds in (0.0, 0.9, 1.1, 1.5, 2.0, 2.5):
        meter.on_time(seconds)
    usage = meter.usage()
    assert usage is not None
    assert usage.tokens == 60
    assert usage.user + usage.kernel > 0


@pytest.mark.parametrize("running", [(8, 7), (7, 8)])
def test_without_all_streams_nothing_is_measured(running: tuple[int, int]) -> None:
    meter = meter_of(*(ProviderStats(running=count) for count in running))
    meter.on_time(1)
    meter.on_time(2)
    assert meter.usage() is None


def test_a_load_that_ends_before_the_window_is_not_measured() -> None:
    meter = meter_of(ProviderStats(running=8))
    assert meter.usage() is None
    meter.on_time(1)
    assert meter.usage() is None
