"""Take generations of a gateway that has died over: each is ended, or continued, by exactly one of the others."""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeGuard

from gateway.generation.details import decode_prompt
from gateway.generation.event_log import EventLog
from gateway.generation.generation import Generation
from gateway.generation.lease import Lease
from gateway.log_fields import log_fields
from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error
from gateway.replicas.limits.slots import SharedSlots
from gateway.replicas.logs.facts import decode_facts
from gateway.replicas.logs.log_writer import HEAD_ALONE, LogWriter, batches
from gateway.replicas.logs.mirror_reader import MirrorReader
from gateway.replicas.logs.written_log import KEEP_SECONDS
from gateway.store.base import Store
from gateway.store.errors import StoreError
from gateway.store.logs import Append, Head, Take

logger = logging.getLogger(__name__)

LOST: Final = "The gateway that ran this generation has stopped. The text that is kept can be read: start again."

TAKEN_AT_ONCE: Final = 16
"""Number of generations that are taken at once, and adopted side by side: of many, the other gateways get a share."""


class _Prepared(NamedTuple):
    fences: Mapping[str, int]
    """By generation id."""
    read_at: float


class Takeover:
    """Takes generations over. Any number of gateways may try it at once.

    A gateway that was only paused must not lose what it has begun to show again. So the fences are read first
    (`prepare`), then the gateway is found dead once more, then its generations are taken with these fences: if it has
    come back between, it has taken its generations itself, with other fences.
    """

    def __init__(
        self,
        store: Store,
        replica: str,
        *,
        hub: Hub,
        lease: Lease,
        reader: MirrorReader,
        writer: LogWriter,
        slots: SharedSlots,
        continues: bool,
    ) -> None:
        self._store = store
        self._replica = replica
        self._hub = hub
        self._clock = hub.clock
        self._lease = lease
        self._reader = reader
        self._writer = writer
        self._slots = slots
        self._continues = continues
        self._prepared: dict[str, _Prepared] = {}
        """What gateways own that may be dead."""
        self._adopting: set[str] = set()

    async def prepare(self, suspects: Sequence[str]) -> None:
        """Read what gateways own that may be dead; forget those that are not suspected any more.

        Raises:
            StoreError: it is to be called again.
        """
        self._prepared = {name: fences for name, fences in self._prepared.items() if name in suspects}
        for name in suspects:
            if name not in self._prepared:
                viewed = [mirror.generation.id for mirror in self._hub.mirrors if mirror.owner == name]
                found = {*viewed, *await self._store.logs.owned(name)}
                fences = await self._fences(found, name)
                self._prepared[name] = _Prepared(fences, self._clock.now())

    def is_prepared(self, suspect: str, seen_at: float) -> bool:
        """Return True if its fences were read before a time: that of the look that found it dead again."""
        prepared = self._prepared.get(suspect)
        return prepared is not None and prepared.read_at <= seen_at

    async def take_over(self, dead: str) -> None:
        """End or continue what a gateway has owned; without `prepare` it does nothing.

        Raises:
            StoreError: the rest is taken over when both are called again; see `adopt_orphans`.
        """
        prepared = self._prepared.pop(dead, None)
        if prepared is None:
            return
        fences = prepared.fences
        viewed = {mirror.generation.id: 0 for mirror in self._hub.mirrors if mirror.owner == dead}
        taken = 0
        # In another order than the others, which have noticed it at the same time.
        for batch in batches(random.sample(sorted(fences), len(fences)), TAKEN_AT_ONCE):
            takes = [Take(name, dead, fences[name], self._replica) for name in batch]
            heads = zip(batch, await self._store.logs.take(takes), strict=True)
            won = {name: head for name, head in heads if self._must_adopt(head)}
            await self._adopt_all(won)
            taken += len(won)
        for name in viewed.keys() - fences.keys():
            taken += await self._store_again(name, dead)
        self._reader.wake(viewed)
        await self._store.members.remove(dead)
        await self._store.messages.forget(dead)
        verb = "continued" if self._continues else "ended"
        # One that has ended properly has left nothing behind.
        level = logging.WARNING if taken else logging.INFO
        logger.log(
            level,
            "gateway %s is gone: %d of its generations are %s here",
            *(dead, taken, verb),
            extra=log_fields("gateway_lost", gateway=dead, generations=taken, action=verb),
        )

    async def adopt_orphans(self) -> None:
        """Adopt what the store says is run here and is not: the reply to a `take` was lost.

        Raises:
            StoreError: the rest is adopted when it is called again.
        """
        owned = [name for name in await self._store.logs.owned(self._replica) if self._writer.get(name) is None]
        parts = await self._store.logs.read(dict.fromkeys(owned, HEAD_ALONE)) if owned else {}
        heads = {name: part.head for name, part in parts.items()}
        await self._adopt_all({name: head for name, head in heads.items() if self._must_adopt(head)})

    async def adopt_ended(self, mirror: Mirror) -> None:
        """Own a generation that has ended and whose owner is gone, so that a note can be added to it.

        Another gateway may own it then, which has been faster.

        Raises:
            StoreError: nothing has changed here.
            ValueError: it can't be read here.
        """
        name = mirror.generation.id
        if mirror.owner != self._replica:
            [head] = await self._store.logs.take([Take(name, mirror.owner, mirror.fence, self._replica)])
            await self._reader.fetch(name)
            if head is None or head.owner != self._replica:
                return
        if self._hub.record(name) is None:
            terms, log = decode_facts(mirror.facts), mirror.generation.log
            self._writer.add(mirror.generation, terms, mirror.fence, log.last)
            self._hub.handover.adopt_ended(mirror, terms)

    async def _fences(self, names: set[str], owner: str) -> Mapping[str, int]:
        parts = await self._store.logs.read(dict.fromkeys(names, HEAD_ALONE)) if names else {}
        return {name: part.head.fence for name, part in parts.items() if part.head.owner == owner}

    def _must_adopt(self, head: Head | None) -> TypeGuard[Head]:
        return head is not None and head.owner == self._replica and not head.ended

    async def _adopt_all(self, heads: Mapping[str, Head]) -> None:
        """Adopt generations, some side by side: each is read by a call of its own."""
        for batch in batches(tuple(heads.items()), TAKEN_AT_ONCE):
            adopting = [self._adopt(name, head) for name, head in batch]
            for error in await asyncio.gather(*adopting, return_exceptions=True):
                if error is not None:
                    raise error

    async def _adopt(self, name: str, head: Head) -> None:
        """Run or end a generation that was taken, unless that is being done."""
        if name in self._adopting or self._writer.get(name) is not None:
            return
        self._adopting.add(name)
        try:
            await self._adopt_once(name, head)
        finally:
            self._adopting.discard(name)

    async def _adopt_once(self, name: str, head: Head) -> None:
        try:
            mirror = await self._reader.fetch(name)
        except ValueError:
            await self._end_unread(name, head)
            return
        if mirror is None or mirror.generation.log.ended:
            return
        self._reader.settle(mirror)
        is_continued = self._continues and not mirror.generation.is_stop_requested
        prompt = await self._prompt(mirror) if is_continued else b""
        if self._hub.mirrors.get(name) is not mirror or mirror.generation.log.ended:
            if prompt:
                self._slots.forget(name)
        else:
            mirror.owner, mirror.fence = self._replica, head.fence
            self._go_on(mirror, prompt)

    async def _prompt(self, mirror: Mirror) -> bytes:
        """Return the conversation of a generation that is to be continued, and has a slot; else b""."""
        prompt, principal = await self._store.logs.prompt(mirror.generation.id), decode_facts(mirror.facts).principal
        if not prompt:
            return b""
        try:
            limit = principal.limits.max_concurrent
            await self._slots.claim(mirror.generation.id, principal.id, limit, may_wait=True)
        except StoreError:
            self._slots.forget(mirror.generation.id)
            raise
        except Refused as refused:
            _log_not_continued(mirror.generation.id, refused)
            return b""
        return prompt

    def _go_on(self, mirror: Mirror, prompt: bytes) -> None:
        generation, terms, stored = mirror.generation, decode_facts(mirror.facts), mirror.generation.log.last
        generation.take_over(mirror.fence, self._lease)
        written = self._writer.add(generation, terms, mirror.fence, stored)
        try:
            if not generation.stop_as_asked(self._clock.now()):
                if not prompt:
                    raise Refused(Code.GENERATION_LOST, LOST)
                slots = self._slots.get(generation.id)
                self._hub.handover.continue_here(mirror, terms, decode_prompt(prompt), slots)
        except (Refused, ValueError) as error:
            if prompt:
                self._slots.forget(generation.id)
                _log_not_continued(generation.id, error)
            end_as_lost(generation, self._clock.now())
        if generation.end is not None:
            self._hub.report_end(self._hub.handover.adopt_ended(mirror, terms))
        self._writer.on_details(written.generation.id)

    async def _store_again(self, name: str, dead: str) -> bool:
        """Store what is known here of a generation, and its end: the store has lost its data, and its owner is gone."""
        mirror = self._hub.mirrors.get(name)
        if mirror is None or mirror.owner != dead or mirror.generation.log.ended:
            return False
        if (await self._store.logs.read({name: HEAD_ALONE})).get(name) is not None:
            return False
        self._reader.settle(mirror)
        generation, terms = mirror.generation, decode_facts(mirror.facts)
        mirror.owner, mirror.fence = self._replica, mirror.fence + 1
        generation.take_over(mirror.fence, self._lease)
        end_as_lost(generation, self._clock.now())
        written = self._writer.add(generation, terms, mirror.fence)
        self._hub.report_end(self._hub.handover.adopt_ended(mirror, terms))
        await self._writer.create(written)
        return True

    async def _end_unread(self, name: str, head: Head) -> None:
        """Append the terminal event to a log that can't be read here, so that it ends for those that can."""
        log = EventLog(name)
        log.begin_epoch(head.fence)
        error = Error(Code.GENERATION_LOST, LOST, *(True, None, False, None, None, None))
        log.append(error)
        entries = log.since(log.last - 1)
        await self._store.logs.append([Append(name, self._replica, head.fence, entries, KEEP_SECONDS)])


def end_as_lost(generation: Generation, now: float) -> None:
    """Append the terminal event of a generation whose owner has died."""
    generation.on_failed(Failed(Code.GENERATION_LOST, LOST, retryable=True), now)


def _log_not_continued(generation_id: str, error: Exception) -> None:
    fields = log_fields("generation_not_continued", generation=generation_id, reason=str(error))
    logger.warning("generation %s can't be continued: %s", generation_id, error, extra=fields)
