"""Clock interface, so that tests can control time; and the timer that reads what has come before it judges.

An event loop runs the timers that are due before it polls the sockets. After a pause of the whole process (SIGSTOP, a
frozen virtual machine, a long garbage collection) all time limits would be exceeded at once, although what was awaited
lies in the sockets. So a time limit is judged in two steps: `start_limit`, or `judge` in the callback of `start`.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, Protocol

from gateway.coarse_timers import CoarseTimers

TURNS: Final = 10
"""Turns of the event loop that `after_reading` waits. Each of them polls all sockets.

One turn accepts a waiting connection, the next reads its request, another runs the task that handles it.
"""

PAUSE_SECONDS: Final = 1.0
"""Lateness of a timer from which the process counts as paused."""

MAX_EXTENSION_SECONDS: Final = 30.0
"""Maximum time that a pause adds to a time limit."""

COARSE_SECONDS: Final = 1.0
"""Delay from which a timer of the system's clock may be late by a tick (`TICK_SECONDS`)."""


class Timer(Protocol):
    """A scheduled call that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the call. Does nothing after it was made."""


class Clock(Protocol):
    """A source of time, in seconds."""

    def now(self) -> float:
        """Return seconds of a monotonic clock."""
        ...

    def unix(self) -> float:
        """Return seconds since 1970 (UTC), for expiry times and days."""
        ...

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, in `delay` seconds."""
        ...

    def after_reading(self, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, when everything that waits in the sockets now has been read and handled."""
        ...


class SystemClock:
    """The system's clocks, and timers of the running event loop."""

    now = staticmethod(time.monotonic)
    unix = staticmethod(time.time)

    def __init__(self) -> None:
        self._coarse_timers = CoarseTimers()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the running event loop in `delay` seconds."""
        loop = asyncio.get_running_loop()
        if delay < COARSE_SECONDS:
            return loop.call_later(delay, callback)
        return self._coarse_timers.call_later(loop, delay, callback)

    def after_reading(self, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the running event loop, in `TURNS` turns."""
        return _TurnTimer(callback)


class _TurnTimer:
    __slots__ = ("_callback", "_handle", "_turns")

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._turns = TURNS
        self._handle = asyncio.get_running_loop().call_soon(self._on_turn)

    def cancel(self) -> None:
        self._handle.cancel()
        self._callback = _nothing

    def _on_turn(self) -> None:
        self._turns -= 1
        if self._turns:
            self._handle = asyncio.get_running_loop().call_soon(self._on_turn)
            return
        callback = self._callback
        # The handle refers to this method: a reference cycle.
        self.cancel()
        callback()


def _nothing() -> None:
    pass


class RestartableTimer:
    """A timer with at most one pending call: starting it again replaces that call."""

    __slots__ = ("_callback", "_clock", "_lateness", "_pending", "due")

    def __init__(self, clock: Clock) -> None:
        self.due = 0.0
        """Time of the last call that was scheduled."""
        self._clock = clock
        self._lateness = 0.0
        self._pending: Timer | None = None
        self._callback: Callable[[], None] | None = None

    @property
    def is_pending(self) -> bool:
        """Return True if a call is scheduled."""
        return self._pending is not None

    def start(self, delay: float, callback: Callable[[], None]) -> None:
        """Call `callback` once, `delay` seconds from now, in place of what is pending."""
        if self._pending is not None:
            self._pending.cancel()
        self._callback = callback
        self.due = self._clock.now() + delay
        # The timer is its own callback: a method of it would take 64 bytes more for as long as it waits.
        self._pending = self._clock.call_later(delay, self)

    def start_limit(self, delay: float, callback: Callable[[], None]) -> None:
        """Do the same for a `callback` that judges: if it is not cancelled meanwhile, the limit is exceeded."""
        self.start(delay, partial(self.judge, callback))

    def judge(self, callback: Callable[[], None]) -> None:
        """Call `callback` after reading, for the callback of `start` when it finds a limit exceeded.

        After a pause, the judged side gets as much time again as this timer was late: a frozen virtual machine did
        not acknowledge what was sent to it, and TCP sends it again after waits that double (RFC 6298, 5.5).
        """
        if self._lateness < PAUSE_SECONDS:
            self._call_after_reading(callback)
        else:
            extension = min(self._lateness, MAX_EXTENSION_SECONDS)
            self.start(extension, partial(self._call_after_reading, callback))

    def cancel(self) -> None:
        """Cancel the pending call; without one it does nothing."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = self._callback = None

    def _call_after_reading(self, callback: Callable[[], None]) -> None:
        self._callback, self.due = callback, self._clock.now()
        self._pending = self._clock.after_reading(self)

    def __call__(self) -> None:
        """Call what is due; the clock does so."""
        callback = self._callback
        # Cleared first: the callback may start the timer again, and a reference that stays would be a cycle.
        self._pending = self._callback = None
        self._lateness = self._clock.now() - self.due
        if callback is not None:
            callback()


async def sleep(seconds: float, clock: Clock) -> None:
    """Wait on a gateway's clock."""
    over, timer = asyncio.Event(), RestartableTimer(clock)
    timer.start(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


class TimeLimit:
    """Bounds the time of what is awaited inside, as `asyncio.timeout` does, but judges as `RestartableTimer` does.

    It raises TimeoutError when that took longer. It is no generator, which would cost more than what many calls await.
    """

    __slots__ = ("_seconds", "_timeout", "_timer")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._timer = RestartableTimer(clock)
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        """Begin to wait."""
        await self._timeout.__aenter__()
        # 0 is long ago: the timeout expires at once.
        self._timer.start_limit(self._seconds, partial(self._timeout.reschedule, 0))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the timer.

        Raises:
            TimeoutError: it took longer.
        """
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, traceback)


def time_limit(seconds: float, clock: Clock | None = None) -> TimeLimit:
    """Return what bounds the time of an `async with`."""
    return TimeLimit(seconds, clock or _SYSTEM_CLOCK)


_SYSTEM_CLOCK: Final = SystemClock()
