"""What is measured of each chunk of a call: its gap to the one before, and the gateway's own delay. Pure."""

from bisect import bisect_left

from gateway.telemetry.metrics.histogram import Histogram
from gateway.upstreams.base import Reads


class ChunkTimes:
    """Measures the chunks of one call. It is chosen once, at the first chunk: each chunk then costs one method call."""

    __slots__ = ("_delays", "_gaps", "_last_at", "_reads")

    def __init__(self, reads: Reads, gaps: Histogram, delays: Histogram) -> None:
        self._reads = reads
        self._gaps = gaps
        self._delays = delays
        self._last_at = 0.0
        """When the chunk before came; 0 before the first one."""

    def record(self, now: float, written_at: float) -> None:
        """Record a chunk that came at `now`, and was written to the last viewer here at `written_at`.

        It is `Histogram.record` twice, without two calls for each chunk.
        """
        last_at, self._last_at = self._last_at, now
        if last_at:
            gaps, gap = self._gaps, now - last_at
            gaps.counts[bisect_left(gaps.bounds, gap)] += 1
            gaps.total += gap
        # `now` is when the chunk was decoded: what lies before that is the gateway's own work, too.
        delays, delay = self._delays, written_at - (self._reads.read_at or now)
        delays.counts[bisect_left(delays.bounds, delay)] += 1
        delays.total += delay
