"""Detect an upstream that takes too long, by four time limits and a minimum rate. Pure.

Only content resets the limits: heartbeats, comments and empty deltas do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Content, Part, TextBatch, ToolCall, Verbatim


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a generation's time, in seconds, and of its rate. 0 means no limit. Most have their setting's name.

    `total_timeout` runs from the first call to the end, over all attempts. `first_token_timeout` and `stall_timeout`
    bound the wait for the first and for the next content of one attempt. `min_chars_per_second` is the minimum rate,
    checked once per `rate_window` of streaming. `usage_timeout` bounds the wait for what follows the provider's
    end mark: usage figures, or more of the answer: some servers send a finish reason and let the model think on.
    Connecting has a limit of its own, `ConnectionLimits.connect_timeout`.
    """

    queue_timeout: float = 30.0
    total_timeout: float = 0.0
    first_token_timeout: float = 300.0
    stall_timeout: float = 300.0
    min_chars_per_second: float = 0.0
    rate_window: float = 10.0
    usage_timeout: float = 15.0


@dataclass(slots=True)
class Watchdog:
    """Time limits of one attempt that began at `began`, for a generation whose first call began at `first_call`.

    The caller sets one timer, for `next_check`. Content does not move that timer: it only updates a time here, and the
    timer, when it fires, finds that nothing has expired and is set again. So a chunk in mid-stream costs no timer
    operation.
    """

    limits: Limits
    first_call: float
    began: float
    end_marked: bool = field(init=False, default=False)
    """The provider's end mark has come, and no content after it."""
    last_content: float = field(init=False)
    is_streaming: bool = field(init=False, default=False)
    """Content has come."""
    _window_began: float = field(init=False, default=0.0)
    _window_chars: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.last_content = self.began

    def record_content(self, content: Sequence[Content | TextBatch | Verbatim], now: float) -> bool:
        """Record content, on the path of each chunk. Return True if it is the first, after which other limits hold.

        Content after the end mark takes it back: some servers send a finish reason early, or with every chunk.
        """
        self.end_marked = False
        self.last_content = now
        # Characters are counted only where a limit needs them.
        if self.limits.min_chars_per_second:
            self._window_chars += sum(map(_characters, content))
        if self.is_streaming:
            return False
        self.is_streaming, self._window_began = True, now
        return True

    def record_finish(self, now: float) -> None:
        """Record the provider's end mark."""
        self.end_marked = True
        self.last_content = now

    def next_check(self) -> float | None:
        """Return the time of the next check, or None if no limit can be exceeded."""
        if self.end_marked:
            return self.last_content + self.limits.usage_timeout
        deadlines = self._deadlines()
        return min(deadlines)[0] if deadlines else None

    def is_complete(self, now: float) -> bool:
        """Return True if the end mark has come and the wait for usage figures is over."""
        return self.end_marked and now >= self.last_content + self.limits.usage_timeout

    def find_failure(self, now: float) -> Failed | None:
        """Return the failure of the first limit exceeded at `now`, or None. Begin a new rate window after one ended."""
        if self.end_marked:
            return None
        for due, code in sorted(self._deadlines()):
            if now < due:
                break
            if code is not Code.TOO_SLOW or self._end_rate_window(now):
                return self._failure(code)
        return None

    def _end_rate_window(self, now: float) -> bool:
        """Begin a new rate window. Return True if the rate in the last one was too low."""
        too_slow = self._window_chars < self.limits.min_chars_per_second * (now - self._window_began)
        self._window_began, self._window_chars = now, 0
        return too_slow

    def _deadlines(self) -> list[tuple[float, Code]]:
        limits, deadlines = self.limits, []
        if limits.total_timeout:
            deadlines.append((self.first_call + limits.total_timeout, Code.TIMEOUT))
        if not self.is_streaming:
            if limits.first_token_timeout:
                deadlines.append((self.began + limits.first_token_timeout, Code.FIRST_TOKEN_TIMEOUT))
            return deadlines
        if limits.stall_timeout:
            deadlines.append((self.last_content + limits.stall_timeout, Code.STALLED))
        if limits.min_chars_per_second:
            deadlines.append((self._window_began + limits.rate_window, Code.TOO_SLOW))
        return deadlines

    def _failure(self, code: Code) -> Failed:
        limits = self.limits
        messages = {
            Code.TIMEOUT: f"The answer took longer than {limits.total_timeout:g} seconds.",
            Code.FIRST_TOKEN_TIMEOUT: f"The provider sent no content within {limits.first_token_timeout:g} seconds.",
            Code.STALLED: f"The provider sent no further content for {limits.stall_timeout:g} seconds.",
            Code.TOO_SLOW: f"The provider sends fewer than {limits.min_chars_per_second:g} characters per second.",
        }
        return Failed(code, messages[code])


def _characters(content: Content | TextBatch | Verbatim) -> int:
    if isinstance(content, ToolCall):
        return len(content.arguments)
    if isinstance(content, Part):
        return content.size
    if isinstance(content, Verbatim):
        return 0
    return len(content.text.content if isinstance(content, TextBatch) else content.content)
