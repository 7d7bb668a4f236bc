"""The port of concurrency slots and their queue, for all gateways of a deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.admission.slots import SlotState


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """Limits of the deployment, as the caller's configuration has them; 0 means no limit."""

    max_concurrent: int = 0
    max_queue: int = 0


@dataclass(frozen=True, slots=True)
class SlotClaim:
    """A generation that needs a slot. `max_concurrent` is its principal's limit; 0 means no limit."""

    generation_id: str
    principal: str
    max_concurrent: int = 0


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """Answer to a claim: running, waiting at `position`, or None: there is no slot, or no room in the queue.

    `queued` requests wait, `mean` is how long slots were held recently, in seconds. The gateways in `wakes` find
    changes when they `look`.
    """

    state: SlotState | None
    position: int = 0
    queued: int = 0
    mean: float | None = None
    wakes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SlotView:
    """What a gateway sees of its own claims.

    `changed` are those that others have granted or evicted, until they are acknowledged; `positions` those that wait;
    `count` all that run or wait.
    """

    changed: Mapping[str, SlotState]
    positions: Mapping[str, int]
    count: int
    queued: int
    mean: float | None
    wakes: frozenset[str] = frozenset()


class SlotStore(Protocol):
    """Slots and their queue, with the fairness of `gateway.admission.slots`.

    The claims of a gateway are leased together: they are dropped `ttl` seconds after it has claimed or looked for the
    last time, by whichever gateway calls next. Every method may raise `StoreError`. Those that return gateways return
    the ones that find changes when they `look`.
    """

    async def claim(
        self, replica: str, claim: SlotClaim, limits: SlotLimits, ttl: float, *, may_wait: bool
    ) -> SlotAnswer:
        """Grant a slot; without a free one, queue the claim if it `may_wait`. A second time it returns its state."""
        ...

    async def release(self, replica: str, generation_ids: Sequence[str], limits: SlotLimits) -> frozenset[str]:
        """Release slots or leave the queue; unknown claims are ignored."""
        ...

    async def look(
        self, replica: str, limits: SlotLimits, ttl: float, seen: Sequence[str], *, with_positions: bool = True
    ) -> SlotView:
        """Renew the lease; return what has changed, without the changes that were `seen` before.

        In a long queue, positions cost much more than the rest.
        """
        ...

    async def held(self, replica: str) -> Mapping[str, SlotState]:
        """Return all claims of a gateway that run or wait."""
        ...

    async def restore(
        self,
        replica: str,
        running: Sequence[SlotClaim],
        waiting: Sequence[SlotClaim],
        limits: SlotLimits,
        ttl: float,
        *,
        settle: float = 0.0,
    ) -> frozenset[str]:
        """Add claims that the store has lost, or that were granted without it, beyond all limits.

        Nothing is granted for `settle` seconds: other gateways are about to restore theirs.
        """
        ...

    async def drop(self, replica: str, limits: SlotLimits) -> frozenset[str]:
        """Release all claims of a gateway that is gone."""
        ...
