from dataclasses import dataclass

from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.metrics.histogram import Histogram
from gateway.upstreams.base import NEVER_READ


@dataclass
class Socket:
    read_at: float = 0.0


def test_the_first_chunk_has_a_delay_and_no_gap() -> None:
    gaps, delays = Histogram((1.0, 2.0)), Histogram((0.5, 1.0))
    times = ChunkTimes(NEVER_READ, gaps, delays)
    times.record(10.0, 10.25)
    assert (gaps.counts, delays.counts) == ([0, 0, 0], [1, 0, 0])
    times.record(11.5, 12.25)
    assert (gaps.counts, gaps.total) == ([0, 1, 0], 1.5)
    assert (delays.counts, delays.total) == ([1, 1, 0], 1.0)


def test_the_delay_begins_at_the_read_of_the_socket() -> None:
    gaps, delays, socket = Histogram((1.0,)), Histogram((0.5, 1.0)), Socket()
    times = ChunkTimes(socket, gaps, delays)
    socket.read_at = 9.5
    times.record(10.0, 10.25)
    assert delays.total == 0.75
