"""What is done after each renewal of the lease: for gateways that have died, and for messages that were lost."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.generation.lease import NO_LEASE
from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.replicas.logs.log_writer import LogWriter
from gateway.replicas.logs.mirror_reader import MirrorReader
from gateway.replicas.membership.ownership import Ownership
from gateway.replicas.membership.suspects import Suspects
from gateway.replicas.membership.takeover import Takeover, end_as_lost
from gateway.replicas.membership.watches import Watches

CONFIRM: Final = 0.25
"""Part of the interval between two renewals after which a gateway that seems dead is looked at again."""


class Upkeep:
    """Removes gateways that have died, and reads what messages may have missed.

    `drop_slots` is called with each gateway that has died, before its generations are taken over.
    """

    def __init__(
        self,
        replica: str,
        *,
        hub: Hub,
        ownership: Ownership,
        watches: Watches,
        reader: MirrorReader,
        writer: LogWriter,
        takeover: Takeover,
        drop_slots: Callable[[str], Awaitable[None]],
    ) -> None:
        self._replica = replica
        self._hub = hub
        self._clock = hub.clock
        self._ownership = ownership
        self._watches = watches
        self._reader = reader
        self._writer = writer
        self._takeover = takeover
        self._drop_slots = drop_slots
        policy = ownership.policy
        self._gone = Suspects(policy.interval * CONFIRM, policy.lease)
        """Gateways that are not alive."""
        self._vanished = Suspects(policy.owner_timeout, policy.lease)
        """Generations that are viewed here, and that the store does not have."""

    def restart(self) -> None:
        """Suspect nothing any more: this gateway has just got its lease, and the others may not have theirs yet."""
        now = self._clock.now()
        self._gone.restart(now)
        self._vanished.restart(now)

    async def remove_dead(self) -> None:
        """Find the gateways that have died, and take over what they ran.

        Raises:
            StoreError: the rest is taken over when it is called again.
        """
        members, now = self._ownership.members, self._clock.now()
        renewed_at = self._ownership.renewed_at
        owners = {mirror.owner for mirror in self._hub.mirrors if mirror.viewers and not mirror.generation.log.ended}
        missing = {*members.dead, *owners, *self._watches.watchers} - members.alive.keys() - {"", self._replica}
        dead = [name for name in self._gone.confirm(missing, now) if self._takeover.is_prepared(name, renewed_at)]
        self._ownership.next_look = self._ownership.policy.interval * CONFIRM if self._gone.is_pending else None
        await self._takeover.prepare(sorted(missing))
        for name in dead:
            self._watches.remove(name)
            await self._drop_slots(name)
            await self._takeover.take_over(name)

    async def read_all(self) -> None:
        """Read what messages may have missed, and drop what is no longer read.

        Raises:
            StoreError: it is read when it is called again.
        """
        read = [mirror.generation.id for mirror in self._hub.mirrors if _is_read(mirror)]
        missing = await self._reader.read(read)
        for generation_id in self._vanished.confirm(missing, self._clock.now()):
            self._end_vanished(generation_id)
        self._reader.drop_unused()
        for written in self._writer:
            # Of thousands that are retained, nearly all are neither.
            if (written.watchers or written.is_forgotten) and written.generation.log.ended and not written.is_dirty:
                self._watches.end(written)
                if self._hub.record(written.generation.id) is None:
                    self._writer.remove(written.generation.id)

    def _end_vanished(self, generation_id: str) -> None:
        """End a generation for its viewers here: its owner is alive, and has it no longer."""
        mirror = self._hub.mirrors.get(generation_id)
        if mirror is not None and not mirror.generation.log.ended:
            self._reader.settle(mirror)
            mirror.generation.take_over(mirror.fence + 1, NO_LEASE)
            end_as_lost(mirror.generation, self._clock.now())


def _is_read(mirror: Mirror) -> bool:
    if mirror.known is not None:
        return True
    return not mirror.generation.log.ended and (mirror.viewers > 0 or mirror.generation.log.readers > 0)
