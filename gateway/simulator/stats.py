"""Counts of what the simulator has served."""

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Final

_MAX_CLOSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class EarlyClose:
    """A client that left early: the stream's id, the chunks sent to it, the time (nanoseconds, CLOCK_MONOTONIC)."""

    id: str
    chunks: int
    at: int


@dataclass(slots=True)
class Stats:
    """Counts of requests and of how they ended, and the last 10,000 early closes.

    `completed` counts the responses sent to the end of their script, a fault included; `hung_up` those whose client
    left before. A response that `Simulator.stop` aborts is in neither.
    """

    requests: int = 0
    completed: int = 0
    running: int = 0
    hung_up: int = 0
    chunks: int = 0
    closes: deque[EarlyClose] = field(default_factory=lambda: deque(maxlen=_MAX_CLOSES))

    def counts(self) -> dict[str, int]:
        """Return the counts."""
        return {
            "requests": self.requests,
            "completed": self.completed,
            "running": self.running,
            "hung_up": self.hung_up,
            "chunks": self.chunks,
        }

    def add_close(self, response_id: str, chunks: int, at: int) -> None:
        """Record that a client left early."""
        self.hung_up += 1
        self.closes.append(EarlyClose(response_id, chunks, at))

    def recent_closes(self) -> list[dict[str, str | int]]:
        """Return the recorded early closes, oldest first."""
        return [asdict(close) for close in self.closes]
