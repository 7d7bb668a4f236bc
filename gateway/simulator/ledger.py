"""What the simulator has served so far, counted."""

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Final

_CLOSES_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Close:
    """A client that left early: the stream's id, the chunks it was sent, and when (nanoseconds, CLOCK_MONOTONIC)."""

    id: str
    chunks: int
    at: int


@dataclass(slots=True)
class Ledger:
    """Counts of requests and their ends, and the last 10,000 hang-ups.

    `completed` are the answers played to their scripted end, be it a fault; what `stop` cut off is neither completed
    nor hung up.
    """

    requests: int = 0
    completed: int = 0
    running: int = 0
    hung_up: int = 0
    chunks: int = 0
    closes: deque[Close] = field(default_factory=lambda: deque(maxlen=_CLOSES_KEPT))

    def stats(self) -> dict[str, int]:
        """Give the counts."""
        return {
            "requests": self.requests,
            "completed": self.completed,
            "running": self.running,
            "hung_up": self.hung_up,
            "chunks": self.chunks,
        }

    def close(self, completion: str, chunks: int, at: int) -> None:
        """Note that the client left before the end."""
        self.hung_up += 1
        self.closes.append(Close(completion, chunks, at))

    def recent_closes(self) -> list[dict[str, str | int]]:
        """Give the hang-ups that are kept, oldest first."""
        return [asdict(close) for close in self.closes]
