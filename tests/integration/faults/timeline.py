"""What happened when, counted from one moment."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timeline:
    """Moments in seconds since `began`, and what happened then."""

    began: float = field(default_factory=time.monotonic)
    moments: list[tuple[float, str]] = field(default_factory=list)

    def begin(self) -> None:
        """Count from now."""
        self.began = time.monotonic()

    @property
    def now(self) -> float:
        """Tell the seconds since it began."""
        return time.monotonic() - self.began

    def note(self, what: str, at: float | None = None) -> None:
        """Note what happened, now unless said otherwise."""
        self.moments.append((self.now if at is None else at, what))

    def table(self) -> str:
        """Write it as a Markdown table."""
        lines = ["| after | what |", "|---|---|"]
        return "\n".join([*lines, *(f"| {at:.2f} s | {what} |" for at, what in sorted(self.moments))])


def differing(**pairs: tuple[object, object]) -> list[str]:
    """Say where what was seen is not what must be: `name=(seen, expected)`."""
    return [f"{name}: {seen!r}, expected {wanted!r}" for name, (seen, wanted) in pairs.items() if seen != wanted]
