"""The viewer: one client's cursors, and the code by which every transport writes events."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.api.services import Services
from gateway.clock import RestartableTimer
from gateway.generation.event_log import Entry, EventLog, merge
from gateway.generation.fan_out import FanOut
from gateway.generation.generation import Generation
from gateway.generation.log_entries import join_text
from gateway.protocol.events import Chunk, Part, Reasoning, Verbatim
from gateway.protocol.position import not_reached
from transports.coalescing import CoalescedListener, Coalescer, chosen_ms
from transports.viewer_fan_out import ViewerFanOut

MAX_SINGLE_ENTRIES: Final = 16
"""A viewer with more entries than this before it is behind: adjacent text is joined for it."""

WRITE_BYTES: Final = 32 * 1024
"""About the maximum of bytes written at once to a viewer that is behind: more would only fill its socket's buffer."""

EARLY_HEARTBEAT: Final = 0.9
"""Part of the silence after which a heartbeat is sent if the viewer is checked then.

A second timer for the rest would be a short one, and those of all viewers of one generation would be due at once: only
long ones are called in slices (`CoarseTimers`).
"""

MIN_CHECK_SECONDS: Final = 0.001
"""Minimum delay of the next check: a shorter one may come at the same reading of the clock, again and again."""


class ClientConnection(Protocol):
    """One client's connection, as its viewer needs it. Nothing here waits: a full connection says so."""

    framing: str
    """Name of the frame format: viewers with one framing share each frame.

    "": the format is that of a provider's API. A frame depends on those before it, so none is shared, and what the
    provider itself sent (`Verbatim`) is framed, too.
    """

    transport: str
    """Name of the transport, for the figures that operators see; "" if another viewer stands for the client."""

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the frame of one entry, whose JSON is encoded already; b"" if this client does not see it."""
        ...

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write complete frames; return False if the client is slow, and no more should come before `Viewer.resume`."""
        ...

    def unsent_bytes(self) -> int:
        """Return how much of what was written the client has not taken; always 0 if that is not known."""
        ...

    def send_heartbeat(self) -> bool:
        """Show that the connection is alive, if the transport does not do so itself; return as `write` does."""
        ...


@dataclass(eq=False, slots=True)
class _Cursor:
    viewer: "Viewer"
    log: EventLog
    seq: int
    coalesce_ms: int
    """For how long text is joined before it is written, in milliseconds."""
    framing: str = ""
    """Name of the frames that it shares with others: joined text has frames of its own."""
    on_append: Callable[[], None] | None = None
    """The callback that is subscribed to the log; None before the cursor is followed."""

    def __call__(self) -> None:
        """Write what was appended. This runs for each chunk: most often one text event, and nothing waits before it."""
        viewer, log, seq = self.viewer, self.log, self.seq
        if not viewer.writable or not log.entries:
            viewer.pending[self] = None
            return
        try:
            shared = log.shared_frames
            cached = None if shared is None else shared.newest.get(self.framing)
            if cached is not None and cached[0] == seq and cached[1] == log.last and not log.ended:
                # A viewer at the same position has made them.
                frames: Sequence[bytes] = cached[2]
                viewer.sent_bytes += len(frames[0]) if len(frames) == 1 else sum(map(len, frames))
            else:
                entry = log.entries[-1]
                # All fields at once: each of them by name is a call.
                first, last, kind, _, _, _, _ = entry
                if first != seq + 1 or not (kind is Chunk or kind is Reasoning):
                    viewer.pending[self] = None
                    viewer.flush()
                    return
                frame = viewer.connection.frame(log.generation_id, entry)
                viewer.sent_bytes += len(frame)
                frames = [frame] if frame else []
                if shared is not None and self.framing:
                    shared.newest[self.framing] = (seq, last, frames)
            self.seq = log.last
            if frames:
                viewer.writable = viewer.connection.write(frames)
                viewer.last_write = log.written_at = viewer.now()
        except Exception as error:  # noqa: BLE001 - as in `Viewer.flush`
            viewer.fail(error)


class Viewer:
    """Writes what follows one client's cursors, at once, in the call stack that appends to a log.

    Create it, `attach`, `begin`; it calls `on_stop` when it stops. Its creator must `close` it: only there its viewers
    leave the hub. With `close_at_end` it stops once everything attached has ended. One that `watches` is no viewer of
    the generation: it neither keeps it running nor, when it leaves, applies its disconnect policy.
    """

    __slots__ = (
        *("_begun", "_clock", "_close_at_end", "_coalesce_ms", "_coalescer", "_cursors", "_figures", "_heartbeat"),
        *("_hub", "_on_stop", "_stopped", "_timer", "_unsent", "_viewer_timeout", "_watches", "connection"),
        *("failure", "final_frames", "finished", "last_write", "now", "pending", "sent_bytes", "writable"),
    )

    def __init__(
        self,
        services: Services,
        connection: ClientConnection,
        on_stop: Callable[[], None],
        *,
        close_at_end: bool = False,
        watches: bool = False,
    ) -> None:
        self.finished = False
        """With `close_at_end`: everything attached has ended and is written, except for `final_frames`."""
        self.final_frames: Sequence[bytes] = ()
        """The last frames: the owner of the connection sends them together with its end."""
        self.failure: Exception | None = None
        """An exception of the connection, for its owner."""
        self._hub = services.hub
        self._figures = services.viewers
        self._clock, self.now = services.clock, services.clock.now
        self._heartbeat = services.heartbeat
        self._viewer_timeout = services.viewer_timeout
        self.connection = connection
        self._on_stop = on_stop
        self._close_at_end = close_at_end
        self._watches = watches
        self._stopped = False
        self._cursors: dict[str, _Cursor] = {}
        self.pending: dict[_Cursor, None] = {}
        """Cursors with entries that are not written yet, in the order they came."""
        self._coalesce_ms = services.coalesce_ms
        self._coalescer: Coalescer | None = None
        self._timer = RestartableTimer(services.clock)
        self.last_write = self.now()
        """Time of the last write, or of the last check that found that a slow client takes what was written."""
        self._unsent: int | None = None
        """Bytes that a slow client had not taken at that check."""
        self.writable = False
        """It has begun, and the connection accepts more."""
        self._begun = False
        self.sent_bytes = 0
        """Bytes of the frames that were written."""

    @property
    def transport(self) -> str:
        """Return the name of its transport."""
        return self.connection.transport

    @property
    def is_behind(self) -> bool:
        """Return True if the client does not read as fast as events come."""
        return not self.writable and not self._stopped

    def __len__(self) -> int:
        return len(self._cursors)

    def begin(self) -> None:
        """Write what the logs hold, and from now on what is appended."""
        if self._stopped:
            return
        self._begun = self.writable = True
        self._figures.add(self)
        self.last_write = self._clock.now()
        self._schedule_check(min(self._heartbeat, self._viewer_timeout))
        self.follow()

    def attach(self, generation: Generation, after: int, coalesce_ms: int | None = None) -> None:
        """View a generation after a sequence number, from the next `follow` on; a cursor that it has is moved there.

        `coalesce_ms` is for how long its text is joined; None: as the start says, or else the settings.
        The caller has authorised the client (`Generations.find` or `start`): this is not checked for each event.

        Raises:
            Refused: `invalid_request`: the number is not reached yet; `generation_lost`.
        """
        last = generation.log.last
        if after > last:
            raise not_reached(generation.id, after, last, "after")
        # Added before it is removed: a viewer that moves in its log is not the last one to leave.
        if not self._watches:
            self._hub.add_viewer(generation.id, self.connection.transport, resumed=after > 0)
        self.detach(generation.id)
        milliseconds = chosen_ms(coalesce_ms, generation.coalesce_ms, self._coalesce_ms)
        self._cursors[generation.id] = _Cursor(self, generation.log, after, milliseconds)

    def follow(self) -> None:
        """Write what is new of everything attached, and from now on what is appended."""
        for cursor in self._cursors.values():
            if cursor.on_append is None:
                cursor.on_append = self._listener(cursor)
                cursor.log.subscribe(cursor.on_append, self._new_fan_out)
                self.pending[cursor] = None
        if self.writable:
            self.flush()

    def _new_fan_out(self) -> FanOut:
        return ViewerFanOut(self._clock.call_later, _Cursor)

    def _listener(self, cursor: _Cursor) -> Callable[[], None]:
        cursor.framing = self.connection.framing
        if not cursor.coalesce_ms:
            return cursor
        if self._coalescer is None:
            self._coalescer = Coalescer(self._clock)
        if cursor.framing:
            cursor.framing += ", joined"
        seconds, sees_verbatim = cursor.coalesce_ms / 1000, not cursor.framing
        return CoalescedListener(self._coalescer, cursor.log, seconds, cursor, sees_verbatim=sees_verbatim)

    def detach(self, generation_id: str) -> bool:
        """Stop viewing a generation, once what it has is written; return False if it was not viewed."""
        cursor = self._cursors.get(generation_id)
        if cursor is None:
            return False
        self._call_if_due(cursor)
        if self._cursors.pop(generation_id, None) is None:
            # Its end was among what was written.
            return True
        self.pending.pop(cursor, None)
        if cursor.on_append is not None:
            cursor.log.unsubscribe(cursor.on_append)
            # The cursor itself, or what holds it: a reference cycle, which only the garbage collector would free.
            cursor.on_append = None
        if not self._watches:
            self._hub.remove_viewer(generation_id, self.connection.transport)
        return True

    def _call_if_due(self, cursor: _Cursor) -> None:
        """Write what waits: text to be joined, or what other viewers of the log are called for first (`FanOut`)."""
        listener = cursor.on_append
        if isinstance(listener, CoalescedListener) and listener.waits:
            listener.call_viewer()
        elif listener is not None and self.writable and cursor.seq < cursor.log.last:
            cursor()

    def stop(self) -> None:
        """Write no more: the client is gone, or is to be disconnected. A second time does nothing."""
        if not self._stopped:
            self._stopped, self.writable = True, False
            self._on_stop()

    def leave(self) -> None:
        """Detach from everything, and stop: the client is gone.

        At once, not when the owner of the connection runs next: the provider of an answer without a reader writes on
        until then.
        """
        has_stopped = self._stopped
        self.close()
        if not has_stopped:
            self._on_stop()

    def close(self) -> None:
        """Detach from everything; a second time does nothing."""
        self._stopped, self.writable = True, False
        self._figures.remove(self)
        self._timer.cancel()
        if self._coalescer is not None:
            self._coalescer.close()
        for generation_id in tuple(self._cursors):
            self.detach(generation_id)

    def resume(self) -> None:
        """Write on: the client accepts more again."""
        if self._begun and not self._stopped:
            self.writable = True
            self.flush()

    def flush(self) -> None:
        """Write what follows the cursors, as long as the connection is writable."""
        try:
            while self.writable and self.pending:
                self._write(next(iter(self.pending)))
            if not self.pending:
                # Of its table, too, which an emptied dictionary keeps: 160 bytes for as long as the client views.
                self.pending.clear()
        except Exception as error:  # noqa: BLE001 - not swallowed: the connection failed, and its owner gets the error
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Stop because of a fault of ours; the owner of the connection raises it."""
        self.failure = error
        self.stop()

    def _write(self, cursor: _Cursor) -> None:
        log = cursor.log
        frames = self._frames(cursor, log)
        if cursor.seq == log.last:
            del self.pending[cursor]
        ended = log.ended and cursor.seq == log.last
        if ended:
            self.detach(log.generation_id)
        if ended and self._close_at_end and not self._cursors:
            self.final_frames, self.finished = frames, True
            self.sent_bytes += sum(map(len, frames))
            self.stop()
        elif frames:
            # As `sum(map(len, frames))`, without the calls for each chunk.
            self.sent_bytes += len(frames[0]) if len(frames) == 1 else sum(map(len, frames))
            self.writable = self.connection.write(frames)
            self.last_write = log.written_at = self._clock.now()

    def _frames(self, cursor: _Cursor, log: EventLog) -> Sequence[bytes]:
        """Return the frames that follow a cursor, and move it."""
        seq, cursor.seq, shared = cursor.seq, log.last, log.shared_frames if cursor.framing else None
        if shared is not None:
            # Viewers side by side write the same frames: one of them makes them.
            cached = shared.newest.get(cursor.framing)
            if cached is not None and cached[0] == seq and cached[1] == log.last:
                return cached[2]
        entries = log.since(seq)
        if not entries:
            return ()
        if len(entries) == 1:
            entry, frame = entries[0], self.connection.frame
            if entry.kind is Part:
                frames = [self._part(log, entry)]
            elif entry.kind is Verbatim and cursor.framing:
                frames = []
            else:
                frames = [frame(log.generation_id, entry)]
            if frames == [b""]:
                frames = []
        elif cursor.coalesce_ms and cursor.framing and (joined := join_text(entries)) is not None:
            frames = [self.connection.frame(log.generation_id, joined)]
        else:
            joins = cursor.coalesce_ms > 0 or len(entries) > MAX_SINGLE_ENTRIES
            with_ends = not cursor.framing
            frames, cursor.seq = self._frame_some(log, merge(entries, with_ends=with_ends) if joins else entries)
        if shared is not None and cursor.seq == log.last:
            shared.newest[cursor.framing] = (seq, log.last, frames)
        return frames

    def _frame_some(self, log: EventLog, entries: Iterable[Entry]) -> tuple[list[bytes], int]:
        """Return about `WRITE_BYTES` of frames, and the sequence number that they reach."""
        frames, size, reached = list[bytes](), 0, 0
        for entry in entries:
            if entry.kind is Verbatim and self.connection.framing:
                reached = entry.last
                continue
            is_part = entry.kind is Part
            if is_part and frames and len(entry.data) > WRITE_BYTES:
                # A large part is written alone: joined with others, it would be copied for each viewer.
                break
            frame = self._part(log, entry) if is_part else self.connection.frame(log.generation_id, entry)
            if frame:
                frames.append(frame)
            size, reached = size + len(frame), entry.last
            if size > WRITE_BYTES:
                break
        return frames, reached

    def _part(self, log: EventLog, entry: Entry) -> bytes:
        """Return the frame of a part, which all viewers of the log share, wherever they stand: it may be large."""
        shared = log.shared_frames
        if shared is None or not self.connection.framing:
            return self.connection.frame(log.generation_id, entry)
        key = (self.connection.framing, entry.last)
        frame = shared.parts.get(key)
        if frame is None:
            frame = shared.parts[key] = self.connection.frame(log.generation_id, entry)
        return frame

    def _record_progress(self) -> None:
        """Find out whether a slow client reads: a large part may take it longer than the time limit of a write."""
        if self.writable:
            self._unsent = None
            return
        unsent = self.connection.unsent_bytes()
        if self._unsent is None or unsent > self._unsent:
            self._unsent = unsent
        elif unsent <= self._unsent - WRITE_BYTES:
            self._unsent, self.last_write = unsent, self._clock.now()

    def _stop_unless_read(self) -> None:
        """Stop for a client that does not read, unless it has read by now: the gateway itself may have been paused."""
        self._record_progress()
        if self.writable or self._clock.now() - self.last_write < self._viewer_timeout:
            self._check_idle()
        else:
            self._figures.cut[self.transport] += 1
            self.stop()

    def _schedule_check(self, seconds: float) -> None:
        self._timer.start(seconds, self._check_idle)

    def _check_idle(self) -> None:
        """Send a heartbeat into a silence, and stop for a client that does not read."""
        self._record_progress()
        since_write = self._clock.now() - self.last_write
        limit = self._heartbeat if self.writable else self._viewer_timeout
        if since_write < (limit * EARLY_HEARTBEAT if self.writable else limit):
            self._schedule_check(max(min(limit - since_write, self._heartbeat), MIN_CHECK_SECONDS))
            return
        if not self.writable:
            self._timer.judge(self._stop_unless_read)
            return
        self.last_write = self._clock.now()
        self._schedule_check(min(self._heartbeat, self._viewer_timeout))
        try:
            self.writable = self.connection.send_heartbeat()
        except Exception as error:  # noqa: BLE001 - as in `flush`
            self.fail(error)
