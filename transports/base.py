"""What a transport is, and the one loop by which every transport brings logs to a client.

A transport adds framing and nothing else. It is plugged in by the entry-point group `dualstream.transports`, which
names a class that can be called without arguments and gives a `Transport`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from starlette.routing import BaseRoute

from gateway.clock import Clock, Timer
from gateway.errors import invalid
from gateway.generation import Generation
from gateway.hub import Hub
from gateway.log import Entry, EventLog, broken_position, merge, parse_position
from transports.origins import Origins

BEHIND = 16
"""A viewer with more entries than this before it is behind: it gets the text of adjacent ones joined."""

WRITE_BYTES = 32 * 1024
"""About what is written at once to a viewer that is behind: more would only wait in the memory of its socket."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport can do: take commands on the same connection; carry many generations; resume by itself."""

    two_way: bool = False
    many_generations: bool = False
    native_resume: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """What the gateway lends to its transports. `heartbeat` and `viewer_timeout` in seconds, sizes in bytes."""

    hub: Hub
    clock: Clock
    heartbeat: float = 15.0
    viewer_timeout: float = 30.0
    max_body_bytes: int = 4 << 20
    max_generations_per_socket: int = 100
    origins: Origins = field(default_factory=Origins)


class Transport(Protocol):
    """A way for events to reach a client."""

    name: str
    capabilities: Capabilities

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Give the routes by which clients come."""
        ...


class Outlet(Protocol):
    """One client's connection, as the viewing loop needs it."""

    framing: str
    """Names how frames are spelled: viewers of one framing share each frame."""

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Frame one entry; its JSON is encoded already."""
        ...

    async def write(self, frames: Sequence[bytes]) -> None:
        """Send whole frames, waiting while the client is slow."""
        ...

    async def beat(self) -> None:
        """Show that the connection is alive, if the transport does not do so by itself."""
        ...


@dataclass(eq=False, slots=True)
class _Cursor:
    log: EventLog
    seq: int
    touched: Callable[[], None] = field(init=False)


class Viewing:
    """One client's cursors, and the loop that writes what follows them.

    Whoever makes one must `close` it: that is where its viewers are counted out.
    """

    def __init__(self, services: Services, outlet: Outlet) -> None:
        self._hub = services.hub
        self._clock = services.clock
        self._heartbeat = services.heartbeat
        self._patience = services.viewer_timeout
        self._outlet = outlet
        self._cursors: dict[str, _Cursor] = {}
        self._touched: dict[_Cursor, None] = {}
        self._wake = asyncio.Event()
        self._timer: Timer | None = None
        self._beat_due = False
        self._last_write = self._clock.now()
        self._writing = False
        self._scope = anyio.CancelScope()

    def __len__(self) -> int:
        return len(self._cursors)

    def attach(self, generation_id: str, after: int) -> Generation:
        """Begin to view a generation after a sequence number; if it is viewed already, from there instead.

        Raises:
            Refused: `generation_lost`, or a number that is not reached yet.
        """
        generation = self._hub.find(generation_id)
        if after > generation.log.last:
            raise invalid(f"after: {generation_id} has {generation.log.last} events so far, not {after}", param="after")
        # Enter before leaving: a viewer that moves in its log is not one that left.
        self._hub.enter(generation_id)
        self.detach(generation_id)
        cursor = _Cursor(generation.log, after)
        cursor.touched = lambda: self._touch(cursor)
        self._cursors[generation_id] = cursor
        generation.log.subscribe(cursor.touched)
        self._touch(cursor)
        return generation

    def detach(self, generation_id: str) -> bool:
        """Stop viewing a generation; tell whether it was viewed."""
        cursor = self._cursors.pop(generation_id, None)
        if cursor is None:
            return False
        self._touched.pop(cursor, None)
        cursor.log.unsubscribe(cursor.touched)
        self._hub.leave(generation_id)
        return True

    def stop(self) -> None:
        """End the loop, wherever it is."""
        self._scope.cancel()

    def close(self) -> None:
        """Stop viewing everything; a second time does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for generation_id in tuple(self._cursors):
            self.detach(generation_id)

    async def run(self, *, until_over: bool) -> bool:
        """Write what comes, for ever, or until all that is viewed has ended and was written.

        Gives False when it was stopped, or when the client has left unread for too long what it was sent: it is to
        be cut off.
        """
        self._look_in(min(self._heartbeat, self._patience))
        with self._scope:
            await self._run(until_over=until_over)
        return not self._scope.cancelled_caught

    async def _run(self, *, until_over: bool) -> None:
        while True:
            while self._touched:
                await self._write_touched()
            if until_over and not self._cursors:
                return
            if self._beat_due:
                self._beat_due = False
                self._begin_write()
                await self._outlet.beat()
                self._writing = False
                continue
            await self._wake.wait()
            self._wake.clear()

    async def _write_touched(self) -> None:
        frames: list[bytes] = []
        touched, self._touched = self._touched, {}
        for cursor in touched:
            made, cursor.seq = self._frames(cursor)
            frames += made
            if cursor.seq < cursor.log.last:
                self._touched[cursor] = None
        if frames:
            self._begin_write()
            await self._outlet.write(frames)
            self._writing = False
        for cursor in touched:
            if cursor.log.ended and cursor.seq == cursor.log.last:
                self._finish(cursor)

    def _finish(self, cursor: _Cursor) -> None:
        # While the frames were written, the client may have detached, or attached anew.
        generation_id = cursor.log.generation_id
        if self._cursors.get(generation_id) is cursor:
            self.detach(generation_id)

    def _frames(self, cursor: _Cursor) -> tuple[Sequence[bytes], int]:
        """Frame what follows a cursor, and tell how far that is."""
        log, frame = cursor.log, self._outlet.frame
        made = log.frames.get(self._outlet.framing)
        if made is not None and made[0] == cursor.seq and made[1] == log.last:
            # Viewers side by side get the same frames, made once.
            return made[2], log.last
        entries = log.since(cursor.seq)
        if len(entries) <= BEHIND and not log.ended:
            frames = [frame(log.generation_id, entry) for entry in entries]
            log.frames[self._outlet.framing] = (cursor.seq, log.last, frames)
            return frames, log.last
        frames, size, reached = [], 0, cursor.seq
        for entry in merge(entries) if len(entries) > BEHIND else entries:
            frames.append(frame(log.generation_id, entry))
            size, reached = size + len(entry.data), entry.last
            if size > WRITE_BYTES:
                break
        return frames, reached

    def _touch(self, cursor: _Cursor) -> None:
        self._touched[cursor] = None
        self._wake.set()

    def _begin_write(self) -> None:
        self._last_write = self._clock.now()
        self._writing = True

    def _look_in(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._look)

    def _look(self) -> None:
        """Fill a silence, and give up a client that does not read."""
        since = self._clock.now() - self._last_write
        limit = self._patience if self._writing else self._heartbeat
        if since < limit:
            self._look_in(min(limit - since, self._heartbeat))
            return
        if self._writing:
            self.stop()
        else:
            self._beat_due = True
            self._wake.set()
        self._look_in(min(self._heartbeat, self._patience))


def after_position(generation_id: str, position: str) -> int:
    """Read a position that must belong to this generation.

    Raises:
        Refused: when it does not.
    """
    named, seq = parse_position(position)
    if named != generation_id:
        raise broken_position(position)
    return seq
