"""Events with their times."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timeline:
    """Events, with their times in seconds since `started_at`."""

    started_at: float = field(default_factory=time.monotonic)
    entries: list[tuple[float, str]] = field(default_factory=list)

    def restart(self) -> None:
        """Count from now."""
        self.started_at = time.monotonic()

    @property
    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started_at

    def note(self, event: str, at: float | None = None) -> None:
        """Add an event, at the current time by default."""
        self.entries.append((self.now if at is None else at, event))

    def table(self) -> str:
        """Return a Markdown table."""
        lines = ["| after | event |", "|---|---|"]
        return "\n".join([*lines, *(f"| {at:.2f} s | {event} |" for at, event in sorted(self.entries))])


def differences(**pairs: tuple[object, object]) -> list[str]:
    """Return the pairs `name=(seen, expected)` that differ, as messages."""
    return [f"{name}: {seen!r}, expected {expected!r}" for name, (seen, expected) in pairs.items() if seen != expected]
