"""Concurrency slots with a bounded, fair queue. Pure: it only decides, and calls back the requests concerned.

Fair: waiting principals take turns, so that one with a hundred requests does not starve one with a single request. The
requests of one principal are served in order.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.protocol.errors import Code, Refused

MEAN_WEIGHT = 0.2
"""Weight of the newest value in the moving average of how long slots are held."""


class SlotState(StrEnum):
    """State of a slot request. Evicted: removed from a full queue, to admit a principal with fewer requests in it."""

    WAITING = "waiting"
    RUNNING = "running"
    EVICTED = "evicted"
    RELEASED = "released"


@dataclass(eq=False, slots=True)
class SlotRequest:
    """A request for a slot. `position` counts from 1 while it waits; `on_change` is called when it or `state` changes.

    `max_concurrent` is the maximum number of slots of its principal; 0 means no limit.
    """

    principal: str
    on_change: Callable[[], None]
    max_concurrent: int = 0
    state: SlotState = field(init=False, default=SlotState.WAITING)
    position: int = field(init=False, default=0)
    granted_at: float = field(init=False, default=0.0)


class Slots:
    """Slots for `max_concurrent` requests at once, at most `max_concurrent_per_client` of one principal, and a queue.

    A limit of 0 means no limit. A waiting request's `on_change` is called when it gets a slot, is evicted, or changes
    its position. Times are seconds of one clock.
    """

    def __init__(self, max_concurrent: int, max_queue: int, max_concurrent_per_client: int = 0) -> None:
        self.max_concurrent = max_concurrent
        self.max_queue = max_queue
        self.max_concurrent_per_client = max_concurrent_per_client
        self.running = 0
        self._running_of: dict[str, int] = {}
        self._queues: dict[str, deque[SlotRequest]] = {}
        self._mean: float | None = None

    @property
    def queued(self) -> int:
        """Return the number of waiting requests."""
        return sum(map(len, self._queues.values()))

    def eta_ms(self, slot_request: SlotRequest) -> int | None:
        """Estimate the wait for a slot in ms, from how long slots were held recently; None if unknown."""
        if self._mean is None or not self.max_concurrent:
            return None
        return round(1000 * self._mean * slot_request.position / self.max_concurrent)

    def request(
        self, principal: str, now: float, on_change: Callable[[], None], max_concurrent: int | None = None
    ) -> SlotRequest:
        """Request a slot: it is granted at once, or the request waits in the queue.

        `max_concurrent` is the principal's own limit; None: `max_concurrent_per_client`.

        Raises:
            Refused: `queue_full`.
        """
        if max_concurrent is None:
            max_concurrent = self.max_concurrent_per_client
        slot_request = SlotRequest(principal, on_change, max_concurrent)
        if self._is_free_for(slot_request) and principal not in self._queues:
            self._grant(slot_request, now)
            return slot_request
        if self.max_queue and self.queued >= self.max_queue and not self._evict_for(principal):
            message = f"All slots are in use and {self.queued} requests are waiting: try again later."
            wait = 1000 if self._mean is None else max(1000, round(1000 * self._mean / max(1, self.max_concurrent)))
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=wait)
        self._queues.setdefault(principal, deque()).append(slot_request)
        # A new principal gets its turn before later requests of the others, so those may have moved back.
        # The new request itself is not called back: its caller reads `position` from the result.
        self._renumber(except_for=slot_request)
        return slot_request

    def release(self, slot_request: SlotRequest, now: float) -> None:
        """Release a slot or leave the queue. Its callback is not called any more. A second call does nothing."""
        state, slot_request.state = slot_request.state, SlotState.RELEASED
        # The callback's owner holds the request: drop the callback to break the reference cycle, which would keep
        # both alive until the next run of the garbage collector.
        slot_request.on_change = _do_nothing
        if state is SlotState.WAITING:
            waiting = self._queues[slot_request.principal]
            waiting.remove(slot_request)
            if not waiting:
                del self._queues[slot_request.principal]
            self._renumber()
        elif state is SlotState.RUNNING:
            self.running -= 1
            self._running_of[slot_request.principal] -= 1
            if not self._running_of[slot_request.principal]:
                del self._running_of[slot_request.principal]
            held = now - slot_request.granted_at
            self._mean = held if self._mean is None else self._mean + (held - self._mean) * MEAN_WEIGHT
            self._fill(now)

    def _evict_for(self, principal: str) -> bool:
        """Evict the newest request of the principal with the most waiting, if `principal` would still have fewer."""
        longest = max(self._queues.values(), key=len)
        if len(longest) <= len(self._queues.get(principal, ())) + 1:
            return False
        evicted = longest.pop()
        evicted.state, evicted.position = SlotState.EVICTED, 0
        evicted.on_change()
        return True

    def _is_free_for(self, slot_request: SlotRequest) -> bool:
        if (
            slot_request.max_concurrent
            and self._running_of.get(slot_request.principal, 0) >= slot_request.max_concurrent
        ):
            return False
        return not self.max_concurrent or self.running < self.max_concurrent

    def _first_of_each(self) -> Iterator[SlotRequest]:
        return (waiting[0] for waiting in self._queues.values())

    def _grant(self, slot_request: SlotRequest, now: float) -> None:
        self.running += 1
        self._running_of[slot_request.principal] = self._running_of.get(slot_request.principal, 0) + 1
        slot_request.state, slot_request.position, slot_request.granted_at = SlotState.RUNNING, 0, now

    def _fill(self, now: float) -> None:
        granted: list[SlotRequest] = []
        while (slot_request := next(filter(self._is_free_for, self._first_of_each()), None)) is not None:
            principal = slot_request.principal
            waiting = self._queues.pop(principal)
            waiting.popleft()
            if waiting:
                # Re-inserted at the end of the dictionary: the principal's next turn is after all others'.
                self._queues[principal] = waiting
            self._grant(slot_request, now)
            granted.append(slot_request)
        for started in granted:
            started.on_change()
        if granted:
            self._renumber()

    def _renumber(self, except_for: SlotRequest | None = None) -> None:
        """Number the waiting requests in the order of their turns, and call back those whose position changed."""
        changed: list[SlotRequest] = []
        for position, slot_request in enumerate(self._in_order(), start=1):
            if slot_request.position != position:
                slot_request.position = position
                if slot_request is not except_for:
                    changed.append(slot_request)
        for slot_request in changed:
            # An earlier callback may have released it.
            if slot_request.state is SlotState.WAITING:
                slot_request.on_change()

    def _in_order(self) -> list[SlotRequest]:
        ordered: list[SlotRequest] = []
        queues = [iter(waiting) for waiting in self._queues.values()]
        while queues:
            remaining = []
            for queue in queues:
                slot_request = next(queue, None)
                if slot_request is not None:
                    ordered.append(slot_request)
                    remaining.append(queue)
            queues = remaining
        return ordered


def _do_nothing() -> None:
    pass
