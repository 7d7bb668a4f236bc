"""Notice an upstream that takes too long: four clocks and a floor. Heartbeats and empty deltas reset none of them."""

from dataclasses import dataclass, field

from gateway.errors import Code, Failed


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a generation may take where, in seconds, and how slow it may be; 0 means no limit.

    `total` runs from the first call to the end, over all attempts; `first_token` and `stall` between contents of one
    attempt; `characters_per_second` is a floor over each `window` of streaming; `tail` is the wait for the usage
    figures after the provider's end mark. Connecting has its own limit, where connections are made.
    """

    queue: float = 30.0
    total: float = 0.0
    first_token: float = 300.0
    stall: float = 300.0
    characters_per_second: float = 0.0
    window: float = 10.0
    tail: float = 5.0


@dataclass(slots=True)
class Watchdog:
    """Watches one attempt that began at `began`, of a generation whose first call was at `first_call`."""

    limits: Limits
    first_call: float
    began: float
    end_marked: bool = field(init=False, default=False)
    _last: float = field(init=False)
    _streaming: bool = field(init=False, default=False)
    _window_began: float = field(init=False, default=0.0)
    _in_window: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._last = self.began

    def content(self, characters: int, now: float) -> bool:
        """Tell that content came; True if other limits hold from now on. Behind the end mark it counts for nothing."""
        if self.end_marked:
            return False
        self._last = now
        self._in_window += characters
        if self._streaming:
            return False
        self._streaming, self._window_began = True, now
        return True

    def finish(self, now: float) -> None:
        """Tell that the provider's end mark came."""
        self.end_marked = True
        self._last = now

    def due(self) -> float | None:
        """Give the time at which to look again; None if nothing can run out."""
        if self.end_marked:
            return self._last + self.limits.tail
        return min((due for due, _ in self._clocks()), default=None)

    def complete(self, now: float) -> bool:
        """Tell whether the answer is whole and its figures have been waited for long enough."""
        return self.end_marked and now >= self._last + self.limits.tail

    def verdict(self, now: float) -> Failed | None:
        """Give what has run out by now, if anything; the floor's window begins anew when it was held."""
        if self.end_marked:
            return None
        for due, failure in sorted(self._clocks(), key=lambda clock: clock[0]):
            if now < due:
                break
            if failure.code is not Code.TOO_SLOW or self._too_slow(now):
                return failure
        return None

    def _too_slow(self, now: float) -> bool:
        slow = self._in_window < self.limits.characters_per_second * (now - self._window_began)
        self._window_began, self._in_window = now, 0
        return slow

    def _clocks(self) -> list[tuple[float, Failed]]:
        limits, clocks = self.limits, []
        if limits.total:
            message = f"The answer took longer than {limits.total:g} seconds."
            clocks.append((self.first_call + limits.total, Failed(Code.TIMEOUT, message)))
        if not self._streaming:
            if limits.first_token:
                message = f"The provider sent no first token within {limits.first_token:g} seconds."
                clocks.append((self.began + limits.first_token, Failed(Code.FIRST_TOKEN_TIMEOUT, message)))
            return clocks
        if limits.stall:
            message = f"The provider sent nothing more for {limits.stall:g} seconds."
            clocks.append((self._last + limits.stall, Failed(Code.STALLED, message)))
        if limits.characters_per_second:
            message = f"The provider sends fewer than {limits.characters_per_second:g} characters a second."
            clocks.append((self._window_began + limits.window, Failed(Code.TOO_SLOW, message)))
        return clocks
