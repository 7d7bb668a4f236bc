"""Notice an upstream that takes too long: four clocks and a floor. Heartbeats and empty deltas reset none of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Content, TextBatch, ToolCall


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a generation may take where, in seconds, and how slow it may be; 0 means no limit.

    `total` runs from the first call to the end, over all attempts; `first_token` and `stall` between contents of one
    attempt; `characters_per_second` is a floor over each `window` of streaming; `tail` is the wait for the usage
    figures after the provider's end mark. Connecting has its own limit, where connections are made.
    """

    queue_timeout: float = 30.0
    total_timeout: float = 0.0
    first_token_timeout: float = 300.0
    stall_timeout: float = 300.0
    min_chars_per_second: float = 0.0
    rate_window: float = 10.0
    usage_timeout: float = 5.0


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

    def record_content(self, content: Sequence[Content | TextBatch], now: float) -> bool:
        """Tell that content came; True if other limits hold from now on. Behind the end mark it counts for nothing."""
        if self.end_marked:
            return False
        self._last = now
        if self.limits.min_chars_per_second:
            self._in_window += sum(map(_characters, content))
        if self._streaming:
            return False
        self._streaming, self._window_began = True, now
        return True

    def record_finish(self, now: float) -> None:
        """Tell that the provider's end mark came."""
        self.end_marked = True
        self._last = now

    def next_check(self) -> float | None:
        """Give the time at which to look again; None if nothing can run out."""
        if self.end_marked:
            return self._last + self.limits.usage_timeout
        return min((due for due, _ in self._clocks()), default=None)

    def is_complete(self, now: float) -> bool:
        """Tell whether the answer is whole and its figures have been waited for long enough."""
        return self.end_marked and now >= self._last + self.limits.usage_timeout

    def find_failure(self, now: float) -> Failed | None:
        """Give what has run out by now, if anything; the floor's window begins anew when it was held."""
        if self.end_marked:
            return None
        for due, code in sorted(self._clocks()):
            if now < due:
                break
            if code is not Code.TOO_SLOW or self._too_slow(now):
                return self._failure(code)
        return None

    def _too_slow(self, now: float) -> bool:
        slow = self._in_window < self.limits.min_chars_per_second * (now - self._window_began)
        self._window_began, self._in_window = now, 0
        return slow

    def _clocks(self) -> list[tuple[float, Code]]:
        """List what may run out, and when."""
        limits, clocks = self.limits, []
        if limits.total_timeout:
            clocks.append((self.first_call + limits.total_timeout, Code.TIMEOUT))
        if not self._streaming:
            if limits.first_token_timeout:
                clocks.append((self.began + limits.first_token_timeout, Code.FIRST_TOKEN_TIMEOUT))
            return clocks
        if limits.stall_timeout:
            clocks.append((self._last + limits.stall_timeout, Code.STALLED))
        if limits.min_chars_per_second:
            clocks.append((self._window_began + limits.rate_window, Code.TOO_SLOW))
        return clocks

    def _failure(self, code: Code) -> Failed:
        limits = self.limits
        messages = {
            Code.TIMEOUT: f"The answer took longer than {limits.total_timeout:g} seconds.",
            Code.FIRST_TOKEN_TIMEOUT: f"The provider sent no content within {limits.first_token_timeout:g} seconds.",
            Code.STALLED: f"The provider sent nothing more for {limits.stall_timeout:g} seconds.",
            Code.TOO_SLOW: f"The provider sends fewer than {limits.min_chars_per_second:g} characters a second.",
        }
        return Failed(code, messages[code])


def _characters(content: Content | TextBatch) -> int:
    if isinstance(content, ToolCall):
        return len(content.arguments)
    return len(content.text.content if isinstance(content, TextBatch) else content.content)
