from gateway.telemetry.metrics.chunk_times import HOLD_SECONDS, ChunkTimes
from gateway.telemetry.metrics.histogram import Histogram


def test_the_first_chunk_has_a_delay_and_no_gap() -> None:
    gaps, delays = Histogram((1.0, 2.0)), Histogram((0.5, 1.0))
    times = ChunkTimes(gaps, delays)
    times.record(10.0, 10.25)
    assert (gaps.counts, delays.counts) == ([0, 0, 0], [1, 0, 0])
    times.record(11.5, 12.25)
    assert (gaps.counts, gaps.total) == ([0, 1, 0], 1.5)
    assert (delays.counts, delays.total) == ([1, 1, 0], 1.0)


def test_a_chunk_that_no_viewer_got_at_once_has_no_delay() -> None:
    gaps, delays = Histogram((1.0,)), Histogram((0.5,))
    times = ChunkTimes(gaps, delays)
    times.record(10.0, 9.5)
    times.record(11.0, 9.5)
    assert (gaps.count, delays.count) == (1, 0)


def test_what_comes_within_a_second_is_counted_together() -> None:
    gaps, delays = Histogram((1.0,)), Histogram((0.5,))
    times = ChunkTimes(gaps, delays)
    for number in range(4):
        times.record(10.0 + number / 4, 10.0 + number / 4)
    assert (gaps.count, delays.count) == (0, 1)
    times.record(10.0 + HOLD_SECONDS, 10.0 + HOLD_SECONDS)
    assert (gaps.count, delays.count) == (4, 5)
    times.record(11.5, 11.5)
    times.flush()
    times.flush()
    assert (gaps.count, delays.count, gaps.total) == (5, 6, 1.5)
