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


class Place(StrEnum):
    """Where a ticket is. Evicted: from a full queue, by a principal with fewer in it."""

    WAITING = "waiting"
    RUNNING = "running"
    EVICTED = "evicted"
    RELEASED = "released"


@dataclass(eq=False, slots=True)
class Ticket:
    """One request for a slot. `position` counts from 1 while it waits; `moved` is called when it changes.

    `max_each` is how many slots its principal may hold; 0 means no limit.
    """

    principal: str
    moved: Callable[[], None]
    max_each: int = 0
    place: Place = field(init=False, default=Place.WAITING)
    position: int = field(init=False, default=0)
    granted_at: float = field(init=False, default=0.0)


class Slots:
    """Slots for `max_running` at once, `max_each` of them for one principal, and a queue of `max_queued`.

    0 means no limit. Who gets a slot is called back by its ticket's `moved`, as is everyone in the queue whose
    position changed. Times are seconds of one clock.
    """

    def __init__(self, max_running: int, max_queued: int, max_each: int = 0) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.max_each = max_each
        self.running = 0
        self._each: dict[str, int] = {}
        self._queues: dict[str, deque[Ticket]] = {}
        self._mean: float | None = None

    @property
    def queued(self) -> int:
        """Count those that wait."""
        return sum(map(len, self._queues.values()))

    def eta_ms(self, ticket: Ticket) -> int | None:
        """Estimate when a waiting ticket gets its slot, from how long slots were held lately; None if unknown."""
        if self._mean is None or not self.max_running:
            return None
        return round(1000 * self._mean * ticket.position / self.max_running)

    def request(self, principal: str, now: float, moved: Callable[[], None], max_each: int | None = None) -> Ticket:
        """Take a slot, or a place in the queue. `max_each` is the principal's own; None: as set for all.

        Raises:
            Refused: `queue_full`.
        """
        ticket = Ticket(principal, moved, self.max_each if max_each is None else max_each)
        if self._has_free_for(ticket) and principal not in self._queues:
            self._grant(ticket, now)
            return ticket
        if self.max_queued and self.queued >= self.max_queued and not self._make_room(principal):
            message = f"All slots are in use and {self.queued} requests wait: try again later."
            wait = 1000 if self._mean is None else max(1000, round(1000 * self._mean / max(1, self.max_running)))
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=wait)
        self._queues.setdefault(principal, deque()).append(ticket)
        # Who joins stands behind others only, but with turns by principal some of them may now be behind it.
        self._number(except_for=ticket)
        return ticket

    def release(self, ticket: Ticket, now: float) -> None:
        """Give the slot or the place back, and call nobody any more; a second time does nothing."""
        place, ticket.place = ticket.place, Place.RELEASED
        # Who has the ticket is called by it: a circle, which nobody would free soon.
        ticket.moved = _nobody
        if place is Place.WAITING:
            waiting = self._queues[ticket.principal]
            waiting.remove(ticket)
            if not waiting:
                del self._queues[ticket.principal]
            self._number()
        elif place is Place.RUNNING:
            self.running -= 1
            self._each[ticket.principal] -= 1
            if not self._each[ticket.principal]:
                del self._each[ticket.principal]
            held = now - ticket.granted_at
            self._mean = held if self._mean is None else self._mean + (held - self._mean) * MEAN_WEIGHT
            self._fill(now)

    def _make_room(self, principal: str) -> bool:
        """Let the newest ticket of the principal with most waiting go, if the newcomer would still have fewer."""
        most = max(self._queues.values(), key=len)
        if len(most) <= len(self._queues.get(principal, ())) + 1:
            return False
        evicted = most.pop()
        evicted.place, evicted.position = Place.EVICTED, 0
        evicted.moved()
        return True

    def _has_free_for(self, ticket: Ticket) -> bool:
        if ticket.max_each and self._each.get(ticket.principal, 0) >= ticket.max_each:
            return False
        return not self.max_running or self.running < self.max_running

    def _first_of_each(self) -> Iterator[Ticket]:
        return (waiting[0] for waiting in self._queues.values())

    def _grant(self, ticket: Ticket, now: float) -> None:
        self.running += 1
        self._each[ticket.principal] = self._each.get(ticket.principal, 0) + 1
        ticket.place, ticket.position, ticket.granted_at = Place.RUNNING, 0, now

    def _fill(self, now: float) -> None:
        granted: list[Ticket] = []
        while (ticket := next(filter(self._has_free_for, self._first_of_each()), None)) is not None:
            principal = ticket.principal
            waiting = self._queues.pop(principal)
            waiting.popleft()
            if waiting:
                # Its principal goes to the end of the round.
                self._queues[principal] = waiting
            self._grant(ticket, now)
            granted.append(ticket)
        for one in granted:
            one.moved()
        if granted:
            self._number()

    def _number(self, except_for: Ticket | None = None) -> None:
        """Number those that wait in the order they will run, and call those whose number changed."""
        changed: list[Ticket] = []
        for position, ticket in enumerate(self._in_order(), start=1):
            if ticket.position != position:
                ticket.position = position
                if ticket is not except_for:
                    changed.append(ticket)
        for ticket in changed:
            if ticket.place is Place.WAITING:
                ticket.moved()

    def _in_order(self) -> list[Ticket]:
        ordered: list[Ticket] = []
        rounds = [iter(waiting) for waiting in self._queues.values()]
        while rounds:
            rest = []
            for one in rounds:
                ticket = next(one, None)
                if ticket is not None:
                    ordered.append(ticket)
                    rest.append(one)
            rounds = rest
        return ordered


def _nobody() -> None:
    pass
