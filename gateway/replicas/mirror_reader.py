"""Read generations of other gateways from the store: all that are viewed here in one pass."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from gateway.clock import Clock
from gateway.generation.details import decode_details
from gateway.generation.generation import Generation
from gateway.pipeline.mirrors import Mirror, Mirrors
from gateway.replicas.facts import decode_facts
from gateway.store.errors import StoreError
from gateway.store.logs import Head, LogPart, LogStore, Position

UNUSED_SECONDS: Final = 10.0
"""How long a mirror without viewers is kept after the last request for it."""


class MirrorReader:
    """Feeds mirrors. `on_owner` is called with each mirror whose owner is another gateway than before."""

    def __init__(self, store: LogStore, mirrors: Mirrors, clock: Clock, on_owner: Callable[[Mirror], None]) -> None:
        self._store = store
        self._mirrors = mirrors
        self._clock = clock
        self._on_owner = on_owner
        self._woken: dict[str, None] = {}
        self._has_woken = asyncio.Event()

    def wake(self, generation_ids: Iterable[str]) -> None:
        """Read generations soon; those without a mirror are ignored."""
        self._woken.update(dict.fromkeys(generation_ids))
        self._has_woken.set()

    async def run(self) -> None:
        """Read what was woken, until the task is cancelled."""
        while True:
            await self._has_woken.wait()
            self._has_woken.clear()
            woken, self._woken = self._woken, {}
            # Woken again by the next message, or by the periodic read.
            with suppress(StoreError):
                await self.read(woken)

    async def read(self, generation_ids: Iterable[str]) -> set[str]:
        """Read what is new of generations that have a mirror; return those that run, and that the store does not have.

        Raises:
            StoreError: nothing has changed.
        """
        mirrors = [mirror for name in generation_ids if (mirror := self._mirrors.get(name)) is not None]
        if not mirrors:
            return set()
        parts = await self._store.read({m.generation.id: _position(m) for m in mirrors})
        for generation_id, part in parts.items():
            if (mirror := self._mirrors.get(generation_id)) is not None:
                self._feed(mirror, part)
        return {m.generation.id for m in mirrors if m.generation.id not in parts and not m.generation.log.ended}

    async def fetch(self, generation_id: str) -> Mirror | None:
        """Return the mirror of a generation, as it is stored now; None if it is unknown.

        Raises:
            StoreError: the store can't be read.
        """
        known = self._mirrors.get(generation_id)
        position = Position() if known is None else _position(known)
        part = (await self._store.read({generation_id: position})).get(generation_id)
        mirror = self._mirrors.get(generation_id)
        if part is None:
            return mirror
        if mirror is None:
            mirror = self._restore(part.head)
            self._mirrors.add(mirror)
        self._feed(mirror, part)
        mirror.used_at = self._clock.now()
        return mirror

    def drop_unused(self) -> None:
        """Drop the mirrors without viewers that no request has asked for lately."""
        for mirror in self._mirrors:
            if not mirror.viewers and mirror.used_at + UNUSED_SECONDS < self._clock.now():
                self._mirrors.remove(mirror.generation.id)

    def _restore(self, head: Head) -> Mirror:
        details, facts = decode_details(head.details or b""), decode_facts(head.facts or b"")
        generation = Generation.restored(details, self._clock.now(), self._clock.unix())
        return Mirror(generation, facts.principal, head.owner, facts=head.facts or b"")

    def _feed(self, mirror: Mirror, part: LogPart) -> None:
        generation, head, now = mirror.generation, part.head, self._clock.now()
        # Another read of the same generation may have come first.
        new = [entry for entry in part.entries if entry.last > generation.log.last]
        if head.details is not None and head.version > mirror.version:
            mirror.version = head.version
            generation.update(decode_details(head.details), now, self._clock.unix())
        if new:
            generation.replay(new, now)
        mirror.fence = head.fence
        if head.owner != mirror.owner:
            mirror.owner = head.owner
            self._on_owner(mirror)


def _position(mirror: Mirror) -> Position:
    return Position(mirror.generation.log.last, mirror.version)
