"""How large the scenarios are. Pure."""

from dataclasses import dataclass
from typing import Final

from gateway.net.open_files import RESERVED_FILES

OWN_FILES: Final = 60
"""Open files of a gateway beside those of streams: its own, and connections of the benchmark that are no viewers."""


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers and times of a run.

    `idle_seconds` are a multiple of `heartbeat` (15 s), so that each stream is written to equally often.
    """

    viewers: int = 10_000
    in_flight: int = 500
    idle_seconds: float = 30.0
    load_seconds: float = 20.0
    interval_ms: int = 1000
    fan_out_interval_ms: int = 200
    interrupts: int = 200
    interrupt_pause: float = 0.02
    settle_seconds: float = 2.0

    @property
    def own_tokens(self) -> int:
        """Return the tokens of an answer that lasts until all is measured, and some seconds longer."""
        seconds = self.settle_seconds + self.load_seconds + self.interrupts * self.interrupt_pause * 2
        return int(seconds * 1000 / self.interval_ms) + 15

    def own_streams(self, open_files: int) -> int:
        """Return how many streams with a generation of their own a gateway can have: each takes two files."""
        return min(self.viewers, (open_files - RESERVED_FILES - OWN_FILES) // 2)


QUICK: Final = Size(
    viewers=200,
    in_flight=50,
    idle_seconds=0.2,
    load_seconds=0.5,
    interval_ms=100,
    fan_out_interval_ms=100,
    interrupts=20,
    interrupt_pause=0.01,
    settle_seconds=0.2,
)
"""Small enough for a test: it looks for faults, not for figures."""
