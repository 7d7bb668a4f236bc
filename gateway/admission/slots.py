"""Concurrency slots with a bounded, fair queue. Pure: it only decides, and calls back the requests concerned.

Fair: waiting principals take turns, so that one with a hundred requests does not starve one with a single request. The
requests of one principal are served in order.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.protocol.errors import Code, Refused

MEAN_WEIGHT = 0.2
"""Weight of the newest value in the moving average of how long slots are held."""

MAX_IMMEDIATE = 50
"""Number of waiting requests up to which every change of a position is reported at once.

Beyond it, reports are collected: if each of many that leave moved all others, their number would be squared.
"""

MAX_REPORTS = 500
"""Maximum number of positions that one `renumber` reports: each report is an event that is written to a client."""


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

    While many requests wait, `on_stale` is called, once, when positions have changed; they do not change before the
    owner calls `renumber`. By default that is at once.
    """

    def __init__(self, max_concurrent: int, max_queue: int, max_concurrent_per_client: int = 0) -> None:
        self.max_concurrent = max_concurrent
        self.max_queue = max_queue
        self.max_concurrent_per_client = max_concurrent_per_client
        self.running = 0
        self._running_of: dict[str, int] = {}
        self.queued = 0
        """Number of waiting requests."""
        self.on_stale: Callable[[], None] = self.renumber
        # Ordered dictionaries: leaving one takes the same time at any place, and so does finding the first.
        self._queues: OrderedDict[str, OrderedDict[SlotRequest, None]] = OrderedDict()
        self._of_turn = Counter[int]()
        """Number of requests in each turn: of principals that have at least so many waiting."""
        self._stale = False
        self.mean: float | None = None
        """How long slots were held recently, in seconds: a moving average; None if none was released yet."""

    def eta_ms(self, slot_request: SlotRequest) -> int | None:
        """Estimate the wait for a slot in ms, from how long slots were held recently; None if unknown."""
        return eta_ms(slot_request.position, self.mean, self.max_concurrent)

    def request(
        self, principal: str, now: float, on_change: Callable[[], None], max_concurrent: int | None = None
    ) -> SlotRequest:
        """Request a slot: it is granted at once, or the request waits in the queue.

        `max_concurrent` is the principal's own limit; None: `max_concurrent_per_client`.

        Raises:
            Refused: `queue_full`.
        """
        slot_request = SlotRequest(principal, do_nothing, self.limit_of(max_concurrent))
        if self.is_free_for(slot_request):
            self._grant(slot_request, now)
        elif self.max_queue and self.queued >= self.max_queue and not self._evict_for(principal):
            raise queue_full(self.queued, self.mean, self.max_concurrent)
        else:
            self.join(slot_request, now)
        # Only now: the caller reads the first `position` from the result.
        slot_request.on_change = on_change
        return slot_request

    def limit_of(self, max_concurrent: int | None) -> int:
        """Return the maximum number of slots of a principal whose own limit is `max_concurrent`; 0 means no limit."""
        return self.max_concurrent_per_client if max_concurrent is None else max_concurrent

    def join(self, slot_request: SlotRequest, now: float) -> None:
        """Grant a request its slot if there is one, or let it wait, however many do. It is not called back."""
        if self.is_free_for(slot_request):
            self._grant(slot_request, now)
            return
        waiting = self._queues.setdefault(slot_request.principal, OrderedDict())
        waiting[slot_request] = None
        self.queued += 1
        self._of_turn[len(waiting)] += 1
        slot_request.position = self._last_position(slot_request.principal)
        # A new principal gets its turn before later requests of the others, so those may have moved back.
        self._move()

    def withdraw(self, slot_request: SlotRequest) -> None:
        """Remove a request that waits from the queue; it still waits, for what is decided elsewhere."""
        self._remove(slot_request)
        self._move()

    def occupy(self, slot_request: SlotRequest, now: float) -> None:
        """Count a slot that was granted elsewhere, without a check of the limits and without a callback."""
        self._grant(slot_request, now)

    def release(self, slot_request: SlotRequest, now: float) -> None:
        """Release a slot or leave the queue. Its callback is not called any more. A second call does nothing."""
        state, slot_request.state = slot_request.state, SlotState.RELEASED
        # The callback's owner holds the request: drop the callback to break the reference cycle, which would keep
        # both alive until the next run of the garbage collector.
        slot_request.on_change = do_nothing
        if state is SlotState.WAITING:
            self._remove(slot_request)
            self._move()
        elif state is SlotState.RUNNING:
            self.running -= 1
            self._running_of[slot_request.principal] -= 1
            if not self._running_of[slot_request.principal]:
                del self._running_of[slot_request.principal]
            held = now - slot_request.granted_at
            self.mean = held if self.mean is None else self.mean + (held - self.mean) * MEAN_WEIGHT
            if self.queued:
                self.fill(now)

    def _evict_for(self, principal: str) -> bool:
        """Evict the newest request of the principal with the most waiting, if `principal` would still have fewer."""
        longest = max(self._queues.values(), key=len)
        if len(longest) <= len(self._queues.get(principal, ())) + 1:
            return False
        evicted = next(reversed(longest))
        self._remove(evicted)
        evicted.state, evicted.position = SlotState.EVICTED, 0
        evicted.on_change()
        return True

    def is_free_for(self, slot_request: SlotRequest) -> bool:
        """Return True if a new request need not wait."""
        return slot_request.principal not in self._queues and self._may_run(slot_request)

    def _may_run(self, slot_request: SlotRequest) -> bool:
        if (
            slot_request.max_concurrent
            and self._running_of.get(slot_request.principal, 0) >= slot_request.max_concurrent
        ):
            return False
        return self._has_free_slot

    @property
    def _has_free_slot(self) -> bool:
        return not self.max_concurrent or self.running < self.max_concurrent

    def _first_of_each(self) -> Iterator[SlotRequest]:
        return (next(iter(waiting)) for waiting in self._queues.values())

    def _remove(self, slot_request: SlotRequest) -> None:
        waiting = self._queues[slot_request.principal]
        self._of_turn[len(waiting)] -= 1
        del waiting[slot_request]
        self.queued -= 1
        if not waiting:
            del self._queues[slot_request.principal]

    def _grant(self, slot_request: SlotRequest, now: float) -> None:
        self.running += 1
        self._running_of[slot_request.principal] = self._running_of.get(slot_request.principal, 0) + 1
        slot_request.state, slot_request.position, slot_request.granted_at = SlotState.RUNNING, 0, now

    def fill(self, now: float) -> None:
        """Grant free slots to those who wait: there may be some after the limits have changed."""
        granted: list[SlotRequest] = []
        while self._has_free_slot and (slot_request := next(filter(self._may_run, self._first_of_each()), None)):
            self._remove(slot_request)
            if slot_request.principal in self._queues:
                # The principal's next turn is after all others'.
                self._queues.move_to_end(slot_request.principal)
            self._grant(slot_request, now)
            granted.append(slot_request)
        for started in granted:
            started.on_change()
        if granted:
            self._move()

    def _last_position(self, principal: str) -> int:
        """Return the position of a principal's newest request, at most: of those in its turn it counts as the last."""
        turn = len(self._queues[principal])
        # Both sums are the same; the shorter one has at most as many terms as the root of the number of requests.
        if turn < len(self._queues):
            return sum(self._of_turn[number] for number in range(1, turn + 1))
        return sum(min(turn, len(waiting)) for waiting in self._queues.values())

    def _move(self) -> None:
        if self.queued <= MAX_IMMEDIATE:
            self.renumber()
        elif not self._stale:
            self._stale = True
            self.on_stale()

    def renumber(self) -> None:
        """Number the waiting requests in the order of their turns, and call back those whose position changed.

        The first `MAX_REPORTS` of them; then `on_stale` is called again.
        """
        changed: list[SlotRequest] = []
        for position, slot_request in enumerate(self._in_order(), start=1):
            if slot_request.position != position:
                if len(changed) == MAX_REPORTS:
                    break
                slot_request.position = position
                changed.append(slot_request)
        self._stale = len(changed) == MAX_REPORTS
        for slot_request in changed:
            # An earlier callback may have released it.
            if slot_request.state is SlotState.WAITING:
                slot_request.on_change()
        if self._stale:
            self.on_stale()

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


def queue_full(queued: int, mean: float | None, max_concurrent: int) -> Refused:
    """Build the refusal of a request for which there is no room in the queue."""
    message = f"All slots are in use and {queued} requests are waiting: try again later."
    wait = 1000 if mean is None else max(1000, round(1000 * mean / max(1, max_concurrent)))
    return Refused(Code.QUEUE_FULL, message, retry_after_ms=wait)


def eta_ms(position: int, mean: float | None, max_concurrent: int) -> int | None:
    """Estimate the wait for a slot in ms, from how long slots were held recently; None if unknown."""
    if mean is None or not max_concurrent:
        return None
    return round(1000 * mean * position / max_concurrent)


def do_nothing() -> None:
    """Do nothing: the callback of a request that is not awaited."""
