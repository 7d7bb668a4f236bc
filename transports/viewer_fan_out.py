"""Write to the many viewers of one log that stand side by side, in one loop.

Most of them keep up: they stand at the same position and share their frames. The first of them is called as usual, and
leaves its frames in the log. The others are written to here: a call for each would only find out the same again. A
viewer that needs more (it is slow, stands elsewhere, joins text, or reads the end) is called as usual.
"""

from collections.abc import Callable, Iterator, Sequence
from types import MethodType
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

    connection: FrameWriter
    writable: bool
    sent_bytes: int
    last_write: float
    now: Callable[[], float]

    def fail(self, error: Exception) -> None:
        """Stop because of a fault of ours."""
        ...


class LogCursor(Protocol):
    """A viewer's position in a log."""

    viewer: WritingViewer
    log: EventLog
    seq: int
    framing: str


class ViewerFanOut(FanOut):
    """Calls the readers of one log, most of which are the method `write_new` of a cursor."""

    __slots__ = ("_write_new",)

    def __init__(self, call_later: Callable[[float, Reader], object], write_new: object) -> None:
        super().__init__(call_later)
        self._write_new = write_new
        """The function of that method."""

    def _call_all(self, readers: Iterator[Reader]) -> None:
        frames: Sequence[bytes] = ()
        framing, first, last, size, now = "", 0, 0, 0, 0.0
        written: tuple[EventLog, WritingViewer] | None = None
        for reader in readers:
            if self._dropped and reader in self._dropped:
                continue
            if type(reader) is not MethodType or reader.__func__ is not self._write_new:
                reader()
                continue
            cursor = cast("LogCursor", reader.__self__)
            viewer = cursor.viewer
            if cursor.seq != first or cursor.framing != framing:
                log = cursor.log
                shared = log.frames.get(cursor.framing)
                if shared is None or shared[0] != cursor.seq or shared[1] != log.last or not shared[2] or log.ended:
                    reader()
                    continue
                framing, (first, last, frames) = cursor.framing, shared
                size = sum(map(len, frames))
                if written is None:
                    written, now = (log, viewer), viewer.now()
            if not viewer.writable:
                reader()
                continue
            # As `write_new` does it, once it has found that.
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
