"""A bounded number of slots and a bounded, fair queue before them. Pure: it decides, and calls whom it decided about.

Fair: the principals that wait take turns, so that one with a hundred waiting does not starve one with a single
request. Within a principal it is first come, first served.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.protocol.errors import Code, Refused

MEAN_WEIGHT = 0.2
"""How much the newest of the times that slots were held counts in their mean."""


class SlotState(StrEnum):
    """Where a slot_request is. Evicted: from a full queue, by a principal with fewer in it."""

    WAITING = "waiting"
    RUNNING = "running"
    EVICTED = "evicted"
    RELEASED = "released"


@dataclass(eq=False, slots=True)
class SlotRequest:
    """One request for a slot. `position` counts from 1 while it waits; `moved` is called when it changes.

    `max_each` is how many slots its principal may hold; 0 means no limit.
    """

    principal: str
    moved: Callable[[], None]
    max_each: int = 0
    state: SlotState = field(init=False, default=SlotState.WAITING)
    position: int = field(init=False, default=0)
    granted_at: float = field(init=False, default=0.0)


class Slots:
    """Slots for `max_running` at once, `max_each` of them for one principal, and a queue of `max_queued`.

    0 means no limit. Who gets a slot is called back by its slot_request's `moved`, as is everyone in the queue whose
    position changed. Times are seconds of one clock.
    """

    def __init__(self, max_running: int, max_queued: int, max_each: int = 0) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.max_each = max_each
        self.running = 0
        self._each: dict[str, int] = {}
        self._queues: dict[str, deque[SlotRequest]] = {}
        self._mean: float | None = None

    @property
    def queued(self) -> int:
        """Count those that wait."""
        return sum(map(len, self._queues.values()))

    def eta_ms(self, slot_request: SlotRequest) -> int | None:
        """Estimate when a waiting slot_request gets its slot, from how long slots were held lately; None if unknown."""
        if self._mean is None or not self.max_running:
            return None
        return round(1000 * self._mean * slot_request.position / self.max_running)

    def request(
        self, principal: str, now: float, moved: Callable[[], None], max_each: int | None = None
    ) -> SlotRequest:
        """Take a slot, or a place in the queue. `max_each` is the principal's own; None: as set for all.

        Raises:
            Refused: `queue_full`.
        """
        slot_request = SlotRequest(principal, moved, self.max_each if max_each is None else max_each)
        if self._has_free_for(slot_request) and principal not in self._queues:
            self._grant(slot_request, now)
            return slot_request
        if self.max_queued and self.queued >= self.max_queued and not self._make_room(principal):
            message = f"All slots are in use and {self.queued} requests wait: try again later."
            wait = 1000 if self._mean is None else max(1000, round(1000 * self._mean / max(1, self.max_running)))
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=wait)
        self._queues.setdefault(principal, deque()).append(slot_request)
        # Who joins stands behind others only, but with turns by principal some of them may now be behind it.
        self._number(except_for=slot_request)
        return slot_request

    def release(self, slot_request: SlotRequest, now: float) -> None:
        """Give the slot or the place back, and call nobody any more; a second time does nothing."""
        state, slot_request.state = slot_request.state, SlotState.RELEASED
        # Who has the slot_request is called by it: a circle, which nobody would free soon.
        slot_request.moved = _nobody
        if state is SlotState.WAITING:
            waiting = self._queues[slot_request.principal]
            waiting.remove(slot_request)
            if not waiting:
                del self._queues[slot_request.principal]
            self._number()
        elif state is SlotState.RUNNING:
            self.running -= 1
            self._each[slot_request.principal] -= 1
            if not self._each[slot_request.principal]:
                del self._each[slot_request.principal]
            held = now - slot_request.granted_at
            self._mean = held if self._mean is None else self._mean + (held - self._mean) * MEAN_WEIGHT
            self._fill(now)

    def _make_room(self, principal: str) -> bool:
        """Let the newest slot_request of the principal with most waiting go, if the newcomer would still have fewer."""
        most = max(self._queues.values(), key=len)
        if len(most) <= len(self._queues.get(principal, ())) + 1:
            return False
        evicted = most.pop()
        evicted.state, evicted.position = SlotState.EVICTED, 0
        evicted.moved()
        return True

    def _has_free_for(self, slot_request: SlotRequest) -> bool:
        if slot_request.max_each and self._each.get(slot_request.principal, 0) >= slot_request.max_each:
            return False
        return not self.max_running or self.running < self.max_running

    def _first_of_each(self) -> Iterator[SlotRequest]:
        return (waiting[0] for waiting in self._queues.values())

    def _grant(self, slot_request: SlotRequest, now: float) -> None:
        self.running += 1
        self._each[slot_request.principal] = self._each.get(slot_request.principal, 0) + 1
        slot_request.state, slot_request.position, slot_request.granted_at = SlotState.RUNNING, 0, now

    def _fill(self, now: float) -> None:
        granted: list[SlotRequest] = []
        while (slot_request := next(filter(self._has_free_for, self._first_of_each()), None)) is not None:
            principal = slot_request.principal
            waiting = self._queues.pop(principal)
            waiting.popleft()
            if waiting:
                # Its principal goes to the end of the round.
                self._queues[principal] = waiting
            self._grant(slot_request, now)
            granted.append(slot_request)
        for one in granted:
            one.moved()
        if granted:
            self._number()

    def _number(self, except_for: SlotRequest | None = None) -> None:
        """Number those that wait in the order they will run, and call those whose number changed."""
        changed: list[SlotRequest] = []
        for position, slot_request in enumerate(self._in_order(), start=1):
            if slot_request.position != position:
                slot_request.position = position
                if slot_request is not except_for:
                    changed.append(slot_request)
        for slot_request in changed:
            if slot_request.state is SlotState.WAITING:
                slot_request.moved()

    def _in_order(self) -> list[SlotRequest]:
        ordered: list[SlotRequest] = []
        rounds = [iter(waiting) for waiting in self._queues.values()]
        while rounds:
            rest = []
            for one in rounds:
                slot_request = next(one, None)
                if slot_request is not None:
                    ordered.append(slot_request)
                    rest.append(one)
            rounds = rest
        return ordered


def _nobody() -> None:
    pass
