"""Slots that all gateways share, as the pipelines of this one see them.

What runs here is counted in the local `Slots` as well, so that they can decide alone when the store can't be used.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import Final

from gateway.admission.slots import (
    MAX_IMMEDIATE,
    MAX_REPORTS,
    SlotRequest,
    Slots,
    SlotState,
    do_nothing,
    eta_ms,
    queue_full,
)
from gateway.clock import Clock, RestartableTimer
from gateway.store.errors import StoreError
from gateway.store.slots import SlotAnswer, SlotClaim, SlotLimits, SlotStore, SlotView

POSITIONS_SECONDS: Final = 0.5
"""Delay after which the positions of waiting requests are read again: others leave the queue on other gateways."""

POSITIONS_PER_SECOND: Final = 2000
"""Waiting requests for which the delay is one second: reading the positions in a long queue takes long."""

SETTLE_SECONDS: Final = 2.0
"""Time in which all gateways restore their claims in a store that has lost them, before one gets a slot again."""


class SharedSlot:
    """The slot of one generation of this gateway, or its place in the queue: what its pipeline takes for `Slots`."""

    def __init__(self, slots: "SharedSlots", claim: SlotClaim) -> None:
        self.claim = claim
        self.slot_request = SlotRequest(claim.principal, do_nothing, claim.max_concurrent)
        self.is_local = False
        """It waits in the queue of this gateway."""
        self._slots = slots

    @property
    def queued(self) -> int:
        """Return the number of requests that wait, on all gateways."""
        return self._slots.queued

    def request(
        self, principal: str, now: float, on_change: Callable[[], None], max_concurrent: int | None = None
    ) -> SlotRequest:
        """Return the request that was made for this generation; `on_change` is called from now on."""
        self.slot_request.on_change = on_change
        return self.slot_request

    def release(self, slot_request: SlotRequest, now: float) -> None:
        """Release the slot or leave the queue; a second time does nothing."""
        self._slots.release(self)

    def eta_ms(self, slot_request: SlotRequest) -> int | None:
        """Estimate the wait for the slot in ms; None if unknown."""
        return self._slots.eta_ms(slot_request.position)


class SharedSlots:
    """The claims of this gateway. Its owner runs `run` as a task, and calls `exchange` at every renewal of the lease.

    `local` are the slots of this process, with the limits of the deployment. `wake` sends a gateway a message: it is to
    `look`.
    """

    def __init__(
        self, store: SlotStore, replica: str, clock: Clock, local: Slots, ttl: float, wake: Callable[[str], None]
    ) -> None:
        self.queued = 0
        """Number of requests that wait on all gateways, as far as it is known here."""
        self._store = store
        self._replica = replica
        self._clock = clock
        self._local = local
        self._ttl = ttl
        self._wake = wake
        self._slots: dict[str, SharedSlot] = {}
        self._queue: dict[str, SharedSlot] = {}
        """Those that wait for a shared slot."""
        self._stored: set[str] = set()
        """Claims that the store knows."""
        self._unstored: set[str] = set()
        """Claims that the store is still to learn of."""
        self._pending: set[str] = set()
        """Claims that are being made."""
        self._released: dict[str, None] = {}
        """Claims that the store is still to release."""
        self._seen: dict[str, None] = {}
        """Changes that were acted on, and are to be acknowledged."""
        self._mean: float | None = None
        self.is_down = False
        """The store can't be used."""
        self._must_read = self._are_positions_due = False
        self._is_due = asyncio.Event()
        self._timer = RestartableTimer(clock)
        self._exchanging = asyncio.Lock()

    def __len__(self) -> int:
        """Return the number of claims of this gateway that wait for a shared slot."""
        return len(self._queue)

    # Claims.

    async def claim(self, generation_id: str, principal: str, max_concurrent: int | None, *, may_wait: bool) -> bool:
        """Claim a slot for a generation, or a place in the queue if it `may_wait`; False: there is no free slot.

        Raises:
            StoreError: it is not known whether it was claimed; `forget` it.
            Refused: `queue_full`.
        """
        slot = SharedSlot(self, SlotClaim(generation_id, principal, self._local.limit_of(max_concurrent)))
        if not self._is_limited(slot):
            self._slots[generation_id] = slot
            self._local.occupy(slot.slot_request, self._clock.now())
            return True
        self._pending.add(generation_id)
        try:
            answer = await self._store.claim(self._replica, slot.claim, self._limits, self._ttl, may_wait=may_wait)
        finally:
            self._pending.discard(generation_id)
        self._on_answer(answer)
        if answer.state is None:
            if may_wait:
                raise queue_full(answer.queued, answer.mean, self._local.max_concurrent)
            return False
        self._stored.add(generation_id)
        self._slots[generation_id] = slot
        if answer.state is SlotState.RUNNING:
            self._local.occupy(slot.slot_request, self._clock.now())
        else:
            slot.slot_request.position = answer.position
            self._queue[generation_id] = slot
            self._schedule()
        return True

    def claim_locally(self, generation_id: str, principal: str, max_concurrent: int | None) -> None:
        """Claim a slot of this gateway while the store can't be used.

        Raises:
            Refused: `queue_full`.
        """
        slot = SharedSlot(self, SlotClaim(generation_id, principal, self._local.limit_of(max_concurrent)))
        slot.slot_request = self._local.request(principal, self._clock.now(), do_nothing, max_concurrent)
        slot.is_local = slot.slot_request.state is SlotState.WAITING
        self._slots[generation_id] = slot
        if self._is_limited(slot):
            self._unstored.add(generation_id)

    def get(self, generation_id: str) -> SharedSlot:
        """Return what was claimed."""
        return self._slots[generation_id]

    def forget(self, generation_id: str) -> None:
        """Release what was claimed, or may have been, for a generation that has not started."""
        slot = self._slots.get(generation_id)
        if slot is not None:
            self.release(slot)
        else:
            self._send_release(generation_id)

    def release(self, slot: SharedSlot) -> None:
        """Release a slot or leave the queue; a second time does nothing."""
        generation_id, slot_request = slot.claim.generation_id, slot.slot_request
        if self._slots.get(generation_id) is not slot:
            return
        del self._slots[generation_id]
        self._queue.pop(generation_id, None)
        self._unstored.discard(generation_id)
        if slot_request.state is SlotState.WAITING and not slot.is_local:
            slot_request.state, slot_request.on_change = SlotState.RELEASED, do_nothing
        else:
            self._local.release(slot_request, self._clock.now())
        if generation_id in self._stored:
            self._stored.remove(generation_id)
            self._send_release(generation_id)

    def eta_ms(self, position: int) -> int | None:
        """Estimate the wait for a slot in ms; None if unknown."""
        return eta_ms(position, self._local.mean if self._mean is None else self._mean, self._local.max_concurrent)

    # Exchange with the store.

    async def run(self) -> None:
        """Send releases and read changes when there are any, until the task is cancelled."""
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            # What has failed is repeated when the lease is renewed.
            if not self.is_down:
                with suppress(StoreError):
                    await self.exchange(look=self._must_read)

    def on_message(self) -> None:
        """Read what another gateway has changed."""
        self._read_soon()

    async def exchange(self, *, look: bool = True) -> None:
        """Send what was released; `look`: renew the lease, and find and mend all differences from the store.

        Raises:
            StoreError: it is repeated at the next call.
        """
        async with self._exchanging:
            await self._flush()
            if look and not (self._stored or self._unstored or self._seen):
                # Nothing is claimed: the lease may run out.
                self._on_up()
            elif look:
                self._must_read = False
                await self._read()

    async def drop(self, replica: str) -> None:
        """Release all claims of a gateway that is gone.

        Raises:
            StoreError: they come back when their lease runs out.
        """
        self._wake_all(await self._store.drop(replica, self._limits))

    def on_down(self, *, is_local: bool) -> None:
        """Go on without the store. `is_local`: requests that wait for a shared slot wait for one of this gateway."""
        if self.is_down:
            return
        self.is_down = True
        self._timer.cancel()
        if is_local:
            waiting, self._queue = self._queue, {}
            self._unstored.update(waiting)
            for slot in waiting.values():
                self._local.join(slot.slot_request, self._clock.now())
                slot.is_local = slot.slot_request.state is SlotState.WAITING
                slot.slot_request.on_change()

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    async def _flush(self) -> None:
        released = tuple(self._released)
        if released:
            self._wake_all(await self._store.release(self._replica, released, self._limits))
            for generation_id in released:
                self._released.pop(generation_id, None)

    async def _read(self) -> None:
        seen = tuple(self._seen)
        # In a short queue, positions are reported with every grant.
        with_positions, self._are_positions_due = self._are_positions_due or len(self) <= MAX_IMMEDIATE, False
        view = await self._store.look(self._replica, self._limits, self._ttl, seen, with_positions=with_positions)
        for generation_id in seen:
            self._seen.pop(generation_id, None)
        self._on_up()
        self._on_view(view)
        if self._unstored or view.count != len(self._stored):
            await self._reconcile()
        if self._queue and with_positions:
            self._schedule()

    def _on_up(self) -> None:
        """Return to the shared queue what waits in that of this gateway."""
        if not self.is_down:
            return
        self.is_down = False
        for generation_id, slot in self._slots.items():
            if slot.is_local and slot.slot_request.state is SlotState.WAITING:
                self._local.withdraw(slot.slot_request)
                self._queue[generation_id] = slot
            slot.is_local = False

    def _on_view(self, view: SlotView) -> None:
        self.queued, self._mean = view.queued, view.mean
        self._wake_all(view.wakes)
        for generation_id, state in view.changed.items():
            self._seen[generation_id] = None
            self._on_state(generation_id, state)
        moved = 0
        for generation_id, position in sorted(view.positions.items(), key=itemgetter(1)):
            slot = self._queue.get(generation_id)
            if slot is not None and slot.slot_request.position != position:
                slot.slot_request.position = position
                slot.slot_request.on_change()
                moved += 1
                if moved == MAX_REPORTS:
                    break

    def _on_state(self, generation_id: str, state: SlotState) -> None:
        if state is SlotState.WAITING:
            return
        slot = self._queue.pop(generation_id, None)
        if slot is None:
            return
        if state is SlotState.RUNNING:
            self._local.occupy(slot.slot_request, self._clock.now())
        else:
            self._stored.discard(generation_id)
            slot.slot_request.state, slot.slot_request.position = state, 0
        slot.slot_request.on_change()

    async def _reconcile(self) -> None:
        """Mend what lost messages, lost data and times without the store have left."""
        held = await self._store.held(self._replica)
        for generation_id, state in held.items():
            if generation_id in self._slots:
                self._stored.add(generation_id)
                self._on_state(generation_id, state)
            elif generation_id not in self._pending:
                self._released[generation_id] = None
        await self._flush()
        await self._restore(held)

    async def _restore(self, held: Mapping[str, SlotState]) -> None:
        """Add the claims that the store lacks, and say which run that it takes for waiting ones."""
        known, lacking = self._stored | self._unstored, list[SharedSlot]()
        for generation_id, slot in self._slots.items():
            found = held.get(generation_id)
            if generation_id in known and found not in {SlotState.RUNNING, slot.slot_request.state}:
                lacking.append(slot)
        # Before the call: what is released meanwhile must be released there, too.
        is_lost = any(slot.claim.generation_id not in self._unstored for slot in lacking)
        self._stored, sent = known, tuple(self._unstored)
        running = [slot.claim for slot in lacking if slot.slot_request.state is SlotState.RUNNING]
        waiting = [slot.claim for slot in lacking if slot.slot_request.state is SlotState.WAITING]
        if lacking:
            restore = self._store.restore(
                *(self._replica, running, waiting, self._limits, self._ttl), settle=SETTLE_SECONDS if is_lost else 0
            )
            self._wake_all(await restore)
        self._unstored.difference_update(sent)

    def _is_limited(self, slot: SharedSlot) -> bool:
        return bool(self._local.max_concurrent or slot.claim.max_concurrent)

    @property
    def _limits(self) -> SlotLimits:
        return SlotLimits(self._local.max_concurrent, self._local.max_queue)

    def _on_answer(self, answer: SlotAnswer) -> None:
        self.queued, self._mean = answer.queued, answer.mean
        self._wake_all(answer.wakes)

    def _send_release(self, generation_id: str) -> None:
        self._released[generation_id] = None
        self._is_due.set()

    def _read_soon(self) -> None:
        self._must_read = True
        self._is_due.set()

    def _schedule(self) -> None:
        if not self.is_down:
            delay = max(POSITIONS_SECONDS, self.queued / POSITIONS_PER_SECOND)
            self._timer.start(delay, self._read_positions)

    def _read_positions(self) -> None:
        self._are_positions_due = True
        self._read_soon()

    def _wake_all(self, replicas: Iterable[str]) -> None:
        for replica in replicas:
            if replica == self._replica:
                self._read_soon()
            else:
                self._wake(replica)
