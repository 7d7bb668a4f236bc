"""When an attempt was started, opened, brought its first content, and ended. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class AttemptTimes:
    """Moments of an attempt in seconds of one clock; None: it has not come to that."""

    started: float | None = None
    opened: float | None = None
    first_content: float | None = None
    ended: float | None = None

    def shifted(self, seconds: float) -> "AttemptTimes":
        """Return the same moments on a clock that is so many seconds ahead."""
        moments = (self.started, self.opened, self.first_content, self.ended)
        return AttemptTimes(*(None if moment is None else moment + seconds for moment in moments))
