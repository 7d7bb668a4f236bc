"""Stop generations whose viewers have left, as their policy (`on_disconnect`) says."""

from functools import partial

from gateway.clock import Clock
from gateway.pipeline.records import Record


class Disconnects:
    """Counts the viewers of running generations. `grace` is the time, in seconds, in which one may come back."""

    def __init__(self, clock: Clock, grace: float) -> None:
        self._clock = clock
        self._grace = grace
        self._waiting: dict[str, Record] = {}
        """Generations in their grace period that wait for a slot, with no other behind them."""

    def expect_viewer(self, record: Record) -> None:
        """Stop a generation that has just been started unless a viewer comes within the grace period."""
        self._start_grace(record, "no viewer came")

    def add_viewer(self, record: Record) -> None:
        """Count a viewer; it ends a grace period."""
        record.viewers += 1
        if record.task is not None:
            record.timer.cancel()
            self._waiting.pop(record.generation.id, None)

    def remove_viewer(self, record: Record) -> None:
        """Count a viewer as gone; after the last one of a running generation, its policy applies."""
        record.viewers -= 1
        if record.viewers or record.task is None or record.on_disconnect == "continue":
            return
        # A client that is gone must not keep others waiting.
        if record.on_disconnect == "cancel" or record.pipeline.delays_others:
            self._stop(record)
            return
        self._start_grace(record)
        if record.pipeline.is_queued:
            self._waiting[record.generation.id] = record

    def make_way(self) -> None:
        """Stop queued generations without viewers if others wait now; forget those that have left the queue."""
        for generation_id, record in tuple(self._waiting.items()):
            if record.pipeline.delays_others:
                self._stop(record)
            if not record.pipeline.is_queued or record.generation.state.fenced:
                self._waiting.pop(generation_id, None)

    def forget(self, record: Record) -> None:
        """Forget a generation that has ended."""
        self._waiting.pop(record.generation.id, None)

    def _start_grace(self, record: Record, reason: str = "the last viewer left") -> None:
        record.timer.start_limit(self._grace, partial(self._stop, record, reason))

    def _stop(self, record: Record, reason: str = "the last viewer left") -> None:
        if not record.generation.state.is_terminal:
            record.pipeline.interrupt("disconnect", reason, self._clock.now())
