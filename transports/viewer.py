"""What a transport is, and the one way by which every transport brings logs to a client.

A transport adds framing and nothing else. It is plugged in by the entry-point group `dualstream.transports`, which
names a class that can be called without arguments and gives a `Transport`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gateway.api.services import Services
from gateway.clock import Timer
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.generation.generation import Generation
from gateway.protocol.errors import invalid
from gateway.security.principals import Principal

BEHIND = 16
"""A viewer with more entries than this before it is behind: it gets the text of adjacent ones joined."""

WRITE_BYTES = 32 * 1024
"""About what is written at once to a viewer that is behind: more would only wait in the memory of its socket."""


class ClientConnection(Protocol):
    """One client's connection, as its viewing needs it. Nothing here waits: what can't be taken yet is said so."""

    framing: str
    """Names how frames are spelled: viewers of one framing share each frame."""

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Frame one entry; its JSON is encoded already."""
        ...

    def write(self, frames: Sequence[bytes]) -> bool:
        """Send whole frames; False when the client is slow: no more until `Viewer.resume` is called."""
        ...

    def send_heartbeat(self) -> bool:
        """Show that the connection is alive, if the transport does not do so by itself; as `write`."""
        ...


@dataclass(eq=False, slots=True)
class _Cursor:
    log: EventLog
    seq: int
    on_append: Callable[[], None] | None = None
    """What the log calls, once this is followed."""


class Viewer:
    """One client's cursors, and what writes what follows them: at once, in the stack of whoever appends to a log.

    Make it, attach, `begin`; it calls `ended` when it is over. Whoever makes one must `close` it: that is where its
    viewers are counted out.
    """

    def __init__(
        self, services: Services, connection: ClientConnection, ended: Callable[[], None], *, close_at_end: bool = False
    ) -> None:
        self.finished = False
        """All that was viewed has ended and was written, but for `rest`; with `close_at_end` only."""
        self.final_frames: Sequence[bytes] = ()
        """The last frames: whoever ends the connection sends them with its end."""
        self.failure: Exception | None = None
        """What went wrong in the connection."""
        self._hub = services.hub
        self._clock = services.clock
        self._heartbeat = services.heartbeat
        self._viewer_timeout = services.viewer_timeout
        self._connection = connection
        self._ended = ended
        self._close_at_end = close_at_end
        self._over = False
        self._cursors: dict[str, _Cursor] = {}
        self._pending: dict[_Cursor, None] = {}
        self._timer: Timer | None = None
        self._last_write = self._clock.now()
        self._room = False
        self._begun = False

    def __len__(self) -> int:
        return len(self._cursors)

    def begin(self) -> None:
        """Write what there is, and from now on what comes."""
        if self._over:
            return
        self._begun = self._room = True
        self._last_write = self._clock.now()
        self._schedule_check(min(self._heartbeat, self._viewer_timeout))
        self.follow()

    def attach(self, generation_id: str, after: int, principal: Principal) -> Generation:
        """View a generation after a sequence number, from the next `follow` on; if it is viewed already, from there.

        The `principal` is whose client it is; it is asked here alone, and not with each event.

        Raises:
            Refused: `generation_lost`, or a number that is not reached yet.
        """
        generation = self._hub.find(generation_id, principal)
        if after > generation.log.last:
            raise invalid(f"after: {generation_id} has {generation.log.last} events so far, not {after}", param="after")
        # Enter before leaving: a viewer that moves in its log is not one that left.
        self._hub.enter(generation_id, principal)
        self.detach(generation_id)
        self._cursors[generation_id] = _Cursor(generation.log, after)
        return generation

    def follow(self) -> None:
        """Write what there is of all that is attached, and from now on what comes."""
        for cursor in self._cursors.values():
            if cursor.on_append is None:
                cursor.on_append = partial(self._on_append, cursor)
                cursor.log.subscribe(cursor.on_append)
                self._pending[cursor] = None
        if self._room:
            self._flush()

    def detach(self, generation_id: str) -> bool:
        """Stop viewing a generation; tell whether it was viewed."""
        cursor = self._cursors.pop(generation_id, None)
        if cursor is None:
            return False
        self._pending.pop(cursor, None)
        if cursor.on_append is not None:
            cursor.log.unsubscribe(cursor.on_append)
            # It holds the cursor: a circle, which nobody would free soon.
            cursor.on_append = None
        self._hub.leave(generation_id)
        return True

    def stop(self) -> None:
        """Write no more: the client is gone, or is to be cut off. A second time does nothing."""
        if not self._over:
            self._over, self._room = True, False
            self._ended()

    def close(self) -> None:
        """Stop viewing everything; a second time does nothing."""
        self._over, self._room = True, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for generation_id in tuple(self._cursors):
            self.detach(generation_id)

    def resume(self) -> None:
        """Tell that the client takes in more again."""
        if self._begun and not self._over:
            self._room = True
            self._flush()

    def _flush(self) -> None:
        """Write what follows the cursors, as far as there is room."""
        try:
            while self._room and self._pending:
                self._write(next(iter(self._pending)))
        except Exception as error:  # noqa: BLE001 - not swallowed: it is the outlet's, and goes to its owner
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self.stop()

    def _on_append(self, cursor: _Cursor) -> None:
        self._pending[cursor] = None
        if self._room:
            self._flush()

    def _write(self, cursor: _Cursor) -> None:
        log = cursor.log
        frames = self._frames(cursor, log)
        if cursor.seq == log.last:
            del self._pending[cursor]
        ended = log.ended and cursor.seq == log.last
        if ended:
            self.detach(log.generation_id)
        if ended and self._close_at_end and not self._cursors:
            self.final_frames, self.finished = frames, True
            self.stop()
        elif frames:
            self._last_write = self._clock.now()
            self._room = self._connection.write(frames)

    def _frames(self, cursor: _Cursor, log: EventLog) -> Sequence[bytes]:
        """Frame what follows a cursor, and move it."""
        seq, cursor.seq, shared = cursor.seq, log.last, log.readers > 1
        if shared:
            # Viewers side by side get the same frames, made once.
            made = log.frames.get(self._connection.framing)
            if made is not None and made[0] == seq and made[1] == log.last:
                return made[2]
        entries = log.since(seq)
        if not entries:
            return ()
        if len(entries) == 1:
            frames = [self._connection.frame(log.generation_id, entries[0])]
        else:
            frames, cursor.seq = self._some(log.generation_id, merge(entries) if len(entries) > BEHIND else entries)
        if shared and cursor.seq == log.last:
            log.frames[self._connection.framing] = (seq, log.last, frames)
        return frames

    def _some(self, generation_id: str, entries: Iterable[Entry]) -> tuple[list[bytes], int]:
        """Frame as much as is worth writing at once, and tell how far that is."""
        frames, size, reached = list[bytes](), 0, 0
        for entry in entries:
            frames.append(self._connection.frame(generation_id, entry))
            size, reached = size + len(entry.data), entry.last
            if size > WRITE_BYTES:
                break
        return frames, reached

    def _schedule_check(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._check_idle)

    def _check_idle(self) -> None:
        """Fill a silence, and give up a client that does not read."""
        since = self._clock.now() - self._last_write
        limit = self._heartbeat if self._room else self._viewer_timeout
        if since < limit:
            # Not less than the clock can tell apart: it would be called again at the same time.
            self._schedule_check(max(min(limit - since, self._heartbeat), 0.001))
            return
        if not self._room:
            self.stop()
            return
        self._last_write = self._clock.now()
        self._schedule_check(min(self._heartbeat, self._viewer_timeout))
        try:
            self._room = self._connection.send_heartbeat()
        except Exception as error:  # noqa: BLE001 - as in `_flush`
            self._fail(error)
