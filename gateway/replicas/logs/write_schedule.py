"""When logs are written: the delay of a batch adapts to who reads it."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from typing import Final

from gateway.clock import Clock, RestartableTimer
from gateway.replicas.logs.written_log import WrittenLog

WATCHED_SECONDS: Final = 0.01
"""Minimum time between two batches while viewers on other gateways read. What comes after a longer silence is written
at once: a token of a paced answer does not wait for others."""


class WriteSchedule:
    """Collects logs that have something new. `max_delay` is the longest delay of a batch, in seconds.

    A log calls the schedule at the first append after a batch, and at its end. The appends between cost nothing.
    """

    def __init__(self, clock: Clock, max_delay: float) -> None:
        self._max_delay = max_delay
        self._unwatched: dict[WrittenLog, None] = {}
        self._watched: dict[WrittenLog, None] = {}
        self._due: dict[WrittenLog, None] = {}
        self._clock = clock
        self._timer, self._watched_timer = RestartableTimer(clock), RestartableTimer(clock)
        self._watched_until = -inf
        """Time until which watched logs wait for each other."""
        self._listeners: dict[WrittenLog, Callable[[], None]] = {}
        self._has_due = asyncio.Event()
        self.is_paused = False
        """Nothing is scheduled: the store has failed, or the gateway ends."""

    def add(self, written: WrittenLog) -> None:
        """Schedule what is appended to a log once `listen` is called, and its end from now on."""
        self._listeners[written] = partial(self._on_append, written)
        written.generation.log.on_end = partial(self._on_end, written)

    def listen(self, written: WrittenLog) -> None:
        """Schedule a log at its next append, unless it was forgotten: what it has now is about to be written."""
        listener = self._listeners.get(written)
        if listener is not None:
            written.generation.log.on_append = listener

    def write_now(self, written: WrittenLog) -> None:
        """Schedule a log without delay, unless it was forgotten."""
        if not self.is_paused and written in self._listeners:
            self._unwatched.pop(written, None)
            self._watched.pop(written, None)
            self._due[written] = None
            written.generation.log.on_append = None
            self._has_due.set()

    async def due(self) -> Iterable[WrittenLog]:
        """Return the logs that are to be written now; wait until there are some."""
        await self._has_due.wait()
        self._has_due.clear()
        due, self._due = self._due, {}
        for written in due:
            self.listen(written)
        return due

    def forget(self, written: WrittenLog) -> None:
        """Forget a log that is written no longer."""
        if self._listeners.pop(written, None) is None:
            return
        written.generation.log.on_append = written.generation.log.on_end = None
        for scheduled in (self._unwatched, self._watched, self._due):
            scheduled.pop(written, None)

    def pause(self) -> None:
        """Schedule nothing until `resume`, and forget what was scheduled."""
        self.is_paused = True
        self._timer.cancel()
        self._watched_timer.cancel()
        for scheduled in (self._unwatched, self._watched, self._due):
            for written in scheduled:
                self.listen(written)
            scheduled.clear()

    def resume(self, dirty: Iterable[WrittenLog]) -> None:
        """Schedule logs again, first those that have something new."""
        self.is_paused = False
        for written in dirty:
            self.write_now(written)

    def _on_append(self, written: WrittenLog) -> None:
        if written.unwritten_since is None:
            written.unwritten_since = self._clock.now()
        if self.is_paused:
            return
        if written.watchers:
            self._wait_watched(written)
            return
        written.generation.log.on_append = None
        if not self._unwatched:
            self._timer.start(self._max_delay, self._on_timer)
        self._unwatched[written] = None

    def _on_end(self, written: WrittenLog) -> None:
        if written.unwritten_since is None:
            written.unwritten_since = self._clock.now()
        self.write_now(written)

    def _wait_watched(self, written: WrittenLog) -> None:
        now = self._clock.now()
        if not self._watched and now >= self._watched_until:
            self._begin_pause(now)
            self.write_now(written)
            return
        written.generation.log.on_append = None
        if not self._watched:
            self._watched_timer.start(self._watched_until - now, self._on_watched_timer)
        self._watched[written] = None

    def _begin_pause(self, now: float) -> None:
        self._watched_until = now + min(WATCHED_SECONDS, self._max_delay)

    def _on_timer(self) -> None:
        self._make_due(self._unwatched)

    def _on_watched_timer(self) -> None:
        self._begin_pause(self._clock.now())
        self._make_due(self._watched)

    def _make_due(self, waiting: dict[WrittenLog, None]) -> None:
        self._due.update(waiting)
        waiting.clear()
        self._has_due.set()
