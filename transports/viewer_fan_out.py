"""Write to the many viewers of one log that stand side by side, in one loop.

Most of them keep up: they stand at the same position and share their frames. The first of them is called as usual, and
leaves its frames in the log. The others are written to here: a call for each would only find out the same again. A
viewer that needs more (it is slow, stands elsewhere, joins text, or reads the end) is called as usual.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, cast

from gateway.generation.event_log import EventLog
from gateway.generation.fan_out import FanOut, Reader


class FrameWriter(Protocol):
    """The connection of a viewer."""

    def write(self, frames: Sequence[bytes]) -> bool:
        """See `ClientConnection.write`."""
        ...


class WritingViewer(Protocol):
    """A viewer, as far as it is written to here; see `Viewer`."""

    writable: bool
    sent_bytes: int
    last_write: float
    now: Callable[[], float]

    @property
    def connection(self) -> FrameWriter:
        """Return its connection."""
        ...

    def fail(self, error: Exception) -> None:
        """Stop because of a fault of ours."""
        ...


class LogCursor(Protocol):
    """A viewer's position in a log, which can be called as its reader."""

    log: EventLog
    seq: int
    framing: str

    @property
    def viewer(self) -> WritingViewer:
        """Return the viewer."""
        ...

    def __call__(self) -> None:
        """Write what was appended."""
        ...


class ViewerFanOut(FanOut):
    """Calls the readers of one log, most of which are cursors: of the class `cursor`."""

    __slots__ = ("_cursor",)

    def __init__(self, call_later: Callable[[float, Reader], object], cursor: type[LogCursor]) -> None:
        super().__init__(call_later)
        self._cursor = cursor

    def _call_all(self, readers: Iterator[Reader]) -> None:
        dropped, cursor_class = self._dropped, self._cursor
        frames: Sequence[bytes] = ()
        # No cursor stands before the beginning of a log.
        framing, first, last, size, now = "", -1, 0, 0, 0.0
        written: tuple[EventLog, WritingViewer] | None = None
        for cursor in cast("Iterator[LogCursor]", readers):
            if dropped and cursor in dropped:
                continue
            if type(cursor) is not cursor_class:
                cursor()
                continue
            viewer = cursor.viewer
            if cursor.seq != first or cursor.framing != framing:
                log = cursor.log
                shared = None if log.shared_frames is None else log.shared_frames.newest.get(cursor.framing)
                if shared is None or shared[0] != cursor.seq or shared[1] != log.last or not shared[2] or log.ended:
                    cursor()
                    continue
                framing, (first, last, frames) = cursor.framing, shared
                size = sum(map(len, frames))
                if written is None:
                    written, now = (log, viewer), viewer.now()
            if not viewer.writable:
                cursor()
                continue
            # As the call does it, once it has found that.
            cursor.seq = last
            viewer.sent_bytes += size
            viewer.last_write = now
            try:
                viewer.writable = viewer.connection.write(frames)
            except Exception as error:  # noqa: BLE001 - as in `Viewer.flush`
                viewer.fail(error)
        if written is not None:
            log, viewer = written
            log.written_at = viewer.now()
