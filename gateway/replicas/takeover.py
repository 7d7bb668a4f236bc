"""End the generations of a gateway that has died: each gets its terminal event from exactly one of the others."""

import logging
import random
from collections.abc import Sequence
from dataclasses import replace

from gateway.clock import Clock
from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.protocol.errors import Code, Failed
from gateway.replicas.facts import decode_facts
from gateway.replicas.log_writer import HEAD_ALONE, LogWriter
from gateway.replicas.mirror_reader import MirrorReader
from gateway.store.base import Store
from gateway.store.logs import Head, Take

logger = logging.getLogger(__name__)


class Takeover:
    """Takes generations over. Any number of gateways may try it at once."""

    def __init__(
        self, store: Store, replica: str, hub: Hub, clock: Clock, reader: MirrorReader, writer: LogWriter
    ) -> None:
        self._store = store
        self._replica = replica
        self._hub = hub
        self._clock = clock
        self._reader = reader
        self._writer = writer

    async def take_over(self, dead: str) -> None:
        """End what a gateway has owned.

        Raises:
            StoreError: the rest is taken over when it is called again.
        """
        viewed = [mirror.generation.id for mirror in self._hub.mirrors if mirror.owner == dead]
        found = {*viewed, *await self._store.logs.owned(dead)}
        taken = 0
        # In another order than the others, which have noticed it at the same time.
        for generation_id in _shuffled(found):
            part = (await self._store.logs.read({generation_id: HEAD_ALONE})).get(generation_id)
            if part is None:
                taken += await self._store_again(generation_id, dead)
                continue
            if part.head.owner != dead:
                continue
            [head] = await self._store.logs.take([Take(generation_id, dead, part.head.fence, self._replica)])
            if head is not None and head.owner == self._replica and not head.ended:
                await self._end(generation_id, replace(head, facts=part.head.facts))
                taken += 1
        self._reader.wake(viewed)
        await self._store.members.remove(dead)
        await self._store.messages.forget(dead)
        logger.warning("gateway %s is gone: %d of its generations ended here", dead, taken)

    async def _store_again(self, generation_id: str, dead: str) -> bool:
        """Store what is known here of a generation, and its end: the store has lost its data, and its owner is gone."""
        mirror = self._hub.mirrors.get(generation_id)
        if mirror is None or mirror.owner != dead or mirror.generation.log.ended:
            return False
        mirror.owner, mirror.fence = self._replica, mirror.fence + 1
        end_as_lost(mirror, mirror.fence, self._clock.now())
        await self._writer.write([self._writer.add(mirror.generation, decode_facts(mirror.facts), mirror.fence)])
        return True

    async def _end(self, generation_id: str, head: Head) -> None:
        mirror = await self._reader.fetch(generation_id)
        if mirror is None or mirror.generation.log.ended:
            return
        mirror.owner = self._replica
        end_as_lost(mirror, head.fence, self._clock.now())
        written = self._writer.add(mirror.generation, decode_facts(head.facts or b""), head.fence, head.last)
        await self._writer.write([written])


def end_as_lost(mirror: Mirror, fence: int, now: float) -> None:
    """Append the terminal event of a generation whose owner has died."""
    generation = mirror.generation
    generation.log.begin_epoch(fence)
    message = "The gateway that ran this generation has stopped. The text that is kept can be read: start again."
    generation.on_failed(Failed(Code.GENERATION_LOST, message, retryable=True), now)


def _shuffled(generation_ids: set[str]) -> Sequence[str]:
    return random.sample(sorted(generation_ids), len(generation_ids))
