"""When an attempt was started, opened, brought its first content, and ended. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class AttemptTimes:
    """Moments of an attempt in seconds of one clock; None: it has not come to that."""

    started: float | None = None
    opened: float | None = None
    first_content: float | None = None
    ended: float | None = None

    def durations(self, accepted_at: float) -> tuple[float | None, float | None, float | None, float | None]:
        """Return its durations in milliseconds: from `accepted_at` to the call, then from the call to each moment."""
        started, opened, first_content, ended = self.started, self.opened, self.first_content, self.ended
        if started is None:
            return None, None, None, None
        return (
            round((started - accepted_at) * 1000, 3),
            None if opened is None else round((opened - started) * 1000, 3),
            None if first_content is None else round((first_content - started) * 1000, 3),
            None if ended is None else round((ended - started) * 1000, 3),
        )

    def shifted(self, seconds: float) -> "AttemptTimes":
        """Return the same moments on a clock that is so many seconds ahead."""
        moments = (self.started, self.opened, self.first_content, self.ended)
        return AttemptTimes(*(None if moment is None else moment + seconds for moment in moments))
