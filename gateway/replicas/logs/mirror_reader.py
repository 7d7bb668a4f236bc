"""Read generations of other gateways from the store: all that are viewed here in one pass."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from gateway.clock import Clock
from gateway.generation.details import decode_details
from gateway.generation.event_log import EPOCH_EVENTS
from gateway.generation.generation import Generation
from gateway.log_fields import log_fields
from gateway.log_throttle import KeyedLogThrottle
from gateway.pipeline.mirrors import Mirror, Mirrors
from gateway.replicas.logs.facts import decode_facts
from gateway.store.errors import StoreError
from gateway.store.logs import Head, LogPart, LogStore, Position
from gateway.telemetry.metrics.store_times import StoreTimes

logger = logging.getLogger(__name__)

UNUSED_SECONDS: Final = 10.0
"""How long a mirror without viewers is kept after the last request for it."""


class MirrorReader:
    """Feeds mirrors. `on_owner` is called with each mirror whose owner is another gateway than before.

    `is_own` returns True for a generation that this gateway runs or retains itself.
    """

    def __init__(
        self,
        store: LogStore,
        mirrors: Mirrors,
        clock: Clock,
        on_owner: Callable[[Mirror], None],
        is_own: Callable[[str], bool],
        times: StoreTimes | None = None,
    ) -> None:
        self._times = times or StoreTimes()
        self._store = store
        self._mirrors = mirrors
        self._clock = clock
        self._on_owner = on_owner
        self._is_own = is_own
        self._woken: dict[str, None] = {}
        self._woken_at = 0.0
        """Since when the first of them waits, in seconds of the clock."""
        self._has_woken = asyncio.Event()
        self._is_behind = False
        """The last read has failed: what follows may be much."""
        self._unreadable = KeyedLogThrottle()

    def wake(self, last: Mapping[str, int]) -> None:
        """Read generations that have events up to a number soon, 0 if it is not known; others are ignored."""
        for generation_id, number in last.items():
            mirror = self._mirrors.get(generation_id)
            if mirror is not None and (not number or number > mirror.generation.log.last or mirror.known is not None):
                if not self._woken:
                    self._woken_at = self._clock.now()
                self._woken[generation_id] = None
        if self._woken:
            self._has_woken.set()

    async def run(self) -> None:
        """Read what was woken, until the task is cancelled."""
        while True:
            await self._has_woken.wait()
            self._has_woken.clear()
            woken, self._woken, began = self._woken, {}, self._woken_at
            # Woken again by the next message, or by the periodic read.
            with suppress(StoreError):
                await self.read(woken)
                self._times.reads.record(self._clock.now() - began)

    async def read(self, generation_ids: Iterable[str]) -> set[str]:
        """Read what is new of generations that have a mirror; return those that run, and that the store does not have.

        Raises:
            StoreError: nothing has changed.
        """
        mirrors = [mirror for name in generation_ids if (mirror := self._mirrors.get(name)) is not None]
        if not mirrors:
            return set()
        positions = {mirror.generation.id: _position(mirror) for mirror in mirrors}
        try:
            parts = await self._store.read(positions, is_large=self._is_behind)
        except StoreError:
            self._is_behind = True
            raise
        self._is_behind = False
        for generation_id, part in parts.items():
            if (mirror := self._mirrors.get(generation_id)) is not None:
                try:
                    self._feed(mirror, part)
                except ValueError as error:
                    self._report(generation_id, error)
        return {m.generation.id for m in mirrors if m.generation.id not in parts and not m.generation.log.ended}

    async def fetch(self, generation_id: str) -> Mirror | None:
        """Return the mirror of a generation, as it is stored now; None if it is unknown.

        Raises:
            StoreError: the store can't be read.
            ValueError: what is stored is damaged, or of a version that is not known here.
        """
        known = self._mirrors.get(generation_id)
        position = Position() if known is None else _position(known)
        part = (await self._store.read({generation_id: position})).get(generation_id)
        mirror = self._mirrors.get(generation_id)
        if part is None:
            if mirror is None or not mirror.generation.log.ended or mirror.viewers:
                return mirror
            # It has expired, or was deleted.
            self._mirrors.remove(generation_id)
            return None
        try:
            if mirror is None:
                if self._is_own(generation_id):
                    # It was taken over by this gateway while it was read.
                    return None
                if part.head.facts is None:
                    # It was dropped here while it was read: read all of it.
                    return await self.fetch(generation_id)
                mirror = self._restore(part.head)
                self._feed(mirror, part)
                self._mirrors.add(mirror)
            else:
                self._feed(mirror, part)
        except ValueError as error:
            self._report(generation_id, error)
            raise
        mirror.used_at = self._clock.now()
        return mirror

    def settle(self, mirror: Mirror) -> None:
        """Forget what only this gateway has of a generation that it ran before: others have taken it over since."""
        if mirror.known is not None:
            mirror.generation.rewind(mirror.known, self._clock.now())
            mirror.known, mirror.version = None, -1

    def drop_unused(self) -> None:
        """Drop the mirrors without readers that no request has asked for lately."""
        limit = self._clock.now() - UNUSED_SECONDS
        for mirror in self._mirrors:
            if not mirror.viewers and not mirror.generation.log.readers and mirror.used_at < limit:
                self._mirrors.remove(mirror.generation.id)

    def _restore(self, head: Head) -> Mirror:
        details, terms = decode_details(head.details or b""), decode_facts(head.facts or b"")
        generation = Generation.restored(details, self._clock.now(), self._clock.unix())
        return Mirror(generation, terms.principal, head.owner, facts=head.facts or b"", fence=head.fence)

    def _feed(self, mirror: Mirror, part: LogPart) -> None:
        """Add what was read. Another read of the same generation may have come first: it is skipped."""
        generation, head, now = mirror.generation, part.head, self._clock.now()
        if part.damage:
            raise ValueError(part.damage)
        if mirror.known is not None and not self._is_settled(mirror, part):
            return
        if head.details is not None and head.version > mirror.version:
            generation.update(decode_details(head.details), now, self._clock.unix())
            mirror.version = head.version
        if head.last > generation.log.last:
            generation.replay(part.entries, now)
        if head.fence < mirror.fence:
            return
        mirror.fence = head.fence
        if head.facts is not None:
            mirror.facts = head.facts
        if head.owner != mirror.owner:
            mirror.owner = head.owner
            self._on_owner(mirror)

    def _is_settled(self, mirror: Mirror, part: LogPart) -> bool:
        """Return True once the new owner of a generation that ran here has appended something, or it has ended.

        Until then, the log stays as it is: its readers get the gap together with what follows it.
        """
        boundary = (mirror.fence + 1) * EPOCH_EVENTS
        mirror.known = max([mirror.known or 0, *(entry.last for entry in part.entries if entry.last <= boundary)])
        if part.head.last <= boundary and not part.head.ended:
            return False
        self.settle(mirror)
        return True

    def _report(self, generation_id: str, error: ValueError) -> None:
        if self._unreadable.is_due(generation_id, self._clock.now()):
            fields = log_fields("generation_unreadable", generation=generation_id, reason=str(error))
            logger.error("generation %s of the store can't be read here: %s", generation_id, error, extra=fields)


def _position(mirror: Mirror) -> Position:
    last = mirror.generation.log.last if mirror.known is None else mirror.known
    return Position(last, mirror.version)
