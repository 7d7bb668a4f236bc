"""What is measured of each chunk of a call: its gap to the one before, and the gateway's own delay. Pure."""

from typing import Final

from gateway.telemetry.metrics.histogram import Histogram

HOLD_SECONDS: Final = 1.0
"""How long times are held before they are counted, together.

Between two chunks of a stream, the processor's caches have forgotten what counting needs. For each chunk alone it takes
1.7 µs of CPU, 5 % of a chunk; if those of a second are counted together, 1.1 µs (`python -m tests.bench.metrics_cost`).
"""


class ChunkTimes:
    """Measures the chunks of one call. It is chosen once, at the first chunk: each chunk then costs one method call.

    The owner of the call must `flush` at its end.
    """

    __slots__ = ("_delays", "_gaps", "_last_at", "due", "held")

    def __init__(self, gaps: Histogram, delays: Histogram) -> None:
        self._gaps = gaps
        self._delays = delays
        self.held: list[float] = []
        """The arguments of `record`, in turns. The fast path of a token adds them itself."""
        self.due = 0.0
        """When the next chunk lets those before it be counted."""
        self._last_at = 0.0
        """When the last chunk that was counted had been read; 0 before the first one."""

    def record(self, read_at: float, written_at: float) -> None:
        """Record a chunk that was read from the provider's socket at `read_at`.

        `written_at` is when something was last written to a viewer here. If that was before, no viewer got the chunk in
        the call stack that has read it: there is none, or those that there are do not read as fast.
        """
        self.held += (read_at, written_at)
        if read_at >= self.due:
            self.flush_at(read_at)

    def flush_at(self, read_at: float) -> None:
        """Count what is held, and hold what follows for a while."""
        self.flush()
        self.due = read_at + HOLD_SECONDS

    def flush(self) -> None:
        """Count what is held."""
        held, self.held = self.held, []
        count_gap, count_delay, last_at = self._gaps.record, self._delays.record, self._last_at
        for read_at, written_at in zip(held[::2], held[1::2], strict=True):
            if last_at:
                count_gap(read_at - last_at)
            last_at = read_at
            if written_at >= read_at:
                count_delay(written_at - read_at)
        self._last_at = last_at
