"""The moving mean and the percentile of times to first content."""

from itertools import repeat

import pytest

from gateway.routing.latency import MIN_SAMPLES, WINDOW, LatencyStats


def test_the_mean_follows_recent_times() -> None:
    assert LatencyStats().mean is None
    stats = LatencyStats()
    for seconds in (1.0, *repeat(0.1, 30)):
        stats.add(seconds)
    assert stats.mean == pytest.approx(0.1, abs=0.01)


def test_the_percentile_needs_enough_samples_and_forgets_old_ones() -> None:
    stats, found = LatencyStats(), list[float | None]()
    for step in range(MIN_SAMPLES):
        stats.add(step)
        found.append(stats.p95)
    # Of 0 … 19, 19 of 20 are at most 18.
    assert found == [*repeat(None, MIN_SAMPLES - 1), MIN_SAMPLES - 2]
    for _ in range(WINDOW):
        stats.add(7.0)
    assert stats.p95 == 7.0


def test_a_timeout_counts_if_it_is_longer_than_expected() -> None:
    latency = LatencyStats()
    latency.add_timeout(1.0)
    latency.add_timeout(0.5)
    assert latency.mean == 1.0
    latency.add_timeout(2.0)
    assert latency.mean == pytest.approx(1.2)
