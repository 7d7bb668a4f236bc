"""Stop generations whose viewers have left, as their policy (`on_disconnect`) says."""

from functools import partial
from typing import Final

from gateway.clock import Clock, RestartableTimer
from gateway.pipeline.departures import Departures
from gateway.pipeline.records import Record

LEAVING_SECONDS: Final = 0.1
"""Time in which clients leave together: those of one connection, or of a proxy that is restarted.

Without it, each of them would find that the others wait: all but the last would lose their places, and no client that
is still there would gain one.
"""


MOVING_SECONDS: Final = 10.0
"""Time that a client has at least to connect to another gateway."""


class Disconnects:
    """Counts the viewers of running generations. `grace` is the time, in seconds, in which one may come back.

    A viewer that leaves because it is sent to another gateway (`departures`) comes back: no policy applies at once.
    """

    def __init__(self, clock: Clock, grace: float, departures: Departures) -> None:
        self._clock = clock
        self._grace = grace
        self._departures = departures
        self._waiting: dict[str, Record] = {}
        """Generations in their grace period that wait for a slot."""
        self._make_way_timer = RestartableTimer(clock)

    def expect_viewer(self, record: Record) -> None:
        """Stop a generation that has just been started unless a viewer comes within the grace period."""
        self._start_grace(record, "no viewer came")

    def add_viewer(self, record: Record) -> None:
        """Count a viewer; it ends a grace period."""
        record.viewers += 1
        record.was_viewed = True
        if record.task is not None:
            record.timer.cancel()
            self._waiting.pop(record.generation.id, None)

    def remove_viewer(self, record: Record) -> None:
        """Count a viewer as gone; after the last one of a running generation, its policy applies."""
        record.viewers -= 1
        if record.viewers or record.task is None or record.on_disconnect == "continue":
            return
        if record.generation.end is not None:
            # It has read the end: there is nothing to stop.
            return
        if self._departures.has_begun:
            self._start_grace(record)
            return
        is_queued = record.pipeline.is_queued
        # A client that is gone must not keep others waiting.
        if record.on_disconnect == "cancel" or (not is_queued and record.pipeline.delays_others()):
            self._stop(record)
            return
        self._start_grace(record)
        if is_queued:
            self._waiting[record.generation.id] = record
            if not self._make_way_timer.is_pending:
                self._make_way_timer.start(LEAVING_SECONDS, self.make_way)

    def make_way(self, *, is_full: bool = False) -> None:
        """Stop queued generations without viewers if others wait now, or find the queue full.

        Those that have left the queue are forgotten.
        """
        if not self._waiting:
            return
        self._waiting = {name: record for name, record in self._waiting.items() if record.pipeline.is_queued}
        gone = self._waiting.copy()
        for generation_id, record in gone.items():
            if is_full or record.pipeline.delays_others(len(gone)):
                self._stop(record)
                self._waiting.pop(generation_id, None)

    def close(self) -> None:
        """Stop the timer."""
        self._make_way_timer.cancel()

    def forget(self, record: Record) -> None:
        """Forget a generation that has ended."""
        self._waiting.pop(record.generation.id, None)

    def _start_grace(self, record: Record, reason: str = "the last viewer left") -> None:
        seconds = max(self._grace, MOVING_SECONDS) if self._departures.has_begun else self._grace
        record.timer.start_limit(seconds, partial(self._stop, record, reason))

    def _stop(self, record: Record, reason: str = "the last viewer left") -> None:
        if not record.generation.state.is_terminal:
            record.pipeline.interrupt("disconnect", reason, self._clock.now())
