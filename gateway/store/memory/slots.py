"""Slots and their queue in memory: those of a single gateway, with leases."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from gateway.admission.slots import SlotRequest, Slots, SlotState, do_nothing
from gateway.clock import Clock
from gateway.protocol.errors import Refused
from gateway.store.slots import SlotAnswer, SlotClaim, SlotLimits, SlotView

NOTHING: Final = -1
"""Limit that grants nothing."""


class MemorySlots:
    """Claims by gateway and generation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots = Slots(0, 0)
        self._claims: dict[str, dict[str, SlotRequest]] = {}
        self._leases: dict[str, float] = {}
        self._changed: dict[str, dict[str, SlotState]] = {}
        self._wakes: set[str] = set()
        self._settles_at = 0.0

    async def claim(
        self, replica: str, claim: SlotClaim, limits: SlotLimits, ttl: float, *, may_wait: bool
    ) -> SlotAnswer:
        """Grant a slot; without a free one, queue the claim if it `may_wait`. A second time it returns its state."""
        self._begin(replica, limits, ttl)
        claims = self._claims.setdefault(replica, {})
        slot_request = claims.get(claim.generation_id)
        if slot_request is None:
            slot_request = SlotRequest(claim.principal, do_nothing, claim.max_concurrent)
            if not (may_wait or self._slots.is_free_for(slot_request)):
                return self._answer(None)
            on_change = partial(self._on_change, replica, claim.generation_id)
            try:
                slot_request = self._slots.request(claim.principal, self._clock.now(), on_change, claim.max_concurrent)
            except Refused:
                return self._answer(None)
            claims[claim.generation_id] = slot_request
        return self._answer(slot_request)

    async def release(self, replica: str, generation_ids: Sequence[str], limits: SlotLimits) -> frozenset[str]:
        """Release slots or leave the queue; unknown claims are ignored."""
        self._begin(replica, limits)
        for generation_id in generation_ids:
            self._release(replica, generation_id)
        return self._take_wakes()

    async def look(
        self, replica: str, limits: SlotLimits, ttl: float, seen: Sequence[str], *, with_positions: bool = True
    ) -> SlotView:
        """Renew the lease; return what has changed, without the changes that were `seen` before."""
        self._begin(replica, limits, ttl)
        changed = self._changed.setdefault(replica, {})
        for generation_id in seen:
            changed.pop(generation_id, None)
        self._slots.fill(self._clock.now())
        self._slots.renumber()
        held = self._held(replica)
        positions = {
            generation_id: self._claims[replica][generation_id].position
            for generation_id, state in held.items()
            if state is SlotState.WAITING and with_positions
        }
        return SlotView(dict(changed), positions, len(held), self._slots.queued, self._slots.mean, self._take_wakes())

    async def held(self, replica: str) -> Mapping[str, SlotState]:
        """Return all claims of a gateway that run or wait."""
        return self._held(replica)

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
        """Add claims that the store has lost, or that were granted without it, beyond all limits."""
        self._settles_at = max(self._settles_at, self._clock.now() + settle)
        self._begin(replica, limits, ttl)
        claims, now = self._claims.setdefault(replica, {}), self._clock.now()
        for claim in running:
            held = claims.get(claim.generation_id)
            if held is not None and held.state is SlotState.RUNNING:
                continue
            self._release(replica, claim.generation_id)
            claims[claim.generation_id] = SlotRequest(claim.principal, do_nothing, claim.max_concurrent)
            self._slots.occupy(claims[claim.generation_id], now)
        for claim in waiting:
            if claim.generation_id in claims:
                continue
            slot_request = SlotRequest(claim.principal, do_nothing, claim.max_concurrent)
            self._slots.join(slot_request, now)
            claims[claim.generation_id] = slot_request
            slot_request.on_change = partial(self._on_change, replica, claim.generation_id)
            if slot_request.state is SlotState.RUNNING:
                self._on_change(replica, claim.generation_id)
        return self._take_wakes()

    async def drop(self, replica: str, limits: SlotLimits) -> frozenset[str]:
        """Release all claims of a gateway that is gone."""
        self._drop(replica)
        self._begin(replica, limits)
        return self._take_wakes()

    def _begin(self, replica: str, limits: SlotLimits, ttl: float | None = None) -> None:
        """Do what every script of a store does first: renew the caller's lease, and end those that have run out."""
        now = self._clock.now()
        max_concurrent = NOTHING if now < self._settles_at else limits.max_concurrent
        self._slots.max_concurrent, self._slots.max_queue = max_concurrent, limits.max_queue
        if ttl is not None:
            self._leases[replica] = now + ttl
        for other in [other for other, until in self._leases.items() if until <= now]:
            self._drop(other)

    def _drop(self, replica: str) -> None:
        self._leases.pop(replica, None)
        for generation_id in tuple(self._claims.get(replica, ())):
            self._release(replica, generation_id)
        self._claims.pop(replica, None)
        self._changed.pop(replica, None)
        self._wakes.discard(replica)

    def _release(self, replica: str, generation_id: str) -> None:
        self._changed.get(replica, {}).pop(generation_id, None)
        slot_request = self._claims.get(replica, {}).pop(generation_id, None)
        if slot_request is not None:
            self._slots.release(slot_request, self._clock.now())

    def _on_change(self, replica: str, generation_id: str) -> None:
        claims = self._claims.get(replica, {})
        slot_request = claims.get(generation_id)
        if slot_request is None or slot_request.state is SlotState.WAITING:
            return
        if slot_request.state is SlotState.EVICTED:
            del claims[generation_id]
        self._changed.setdefault(replica, {})[generation_id] = slot_request.state
        self._wakes.add(replica)

    def _held(self, replica: str) -> dict[str, SlotState]:
        return {name: slot_request.state for name, slot_request in self._claims.get(replica, {}).items()}

    def _answer(self, slot_request: SlotRequest | None) -> SlotAnswer:
        state, position = (None, 0) if slot_request is None else (slot_request.state, slot_request.position)
        return SlotAnswer(state, position, self._slots.queued, self._slots.mean, self._take_wakes())

    def _take_wakes(self) -> frozenset[str]:
        wakes, self._wakes = frozenset(self._wakes), set()
        return wakes
