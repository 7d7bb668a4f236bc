"""A bounded number of slots and a bounded, fair queue before them. Pure: it decides, and calls whom it decided about.

Fair: the principals that wait take turns, so that one with a hundred waiting does not starve one with a single
request. Within a principal it is first come, first served.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.errors import Code, Refused


class Place(StrEnum):
    """Where a ticket is."""

    WAITING = "waiting"
    RUNNING = "running"
    RELEASED = "released"


@dataclass(eq=False, slots=True)
class Ticket:
    """One request for a slot. `position` counts from 1 while it waits; `moved` is called when it changes."""

    principal: str
    moved: Callable[[], None]
    place: Place = field(init=False, default=Place.WAITING)
    position: int = field(init=False, default=0)


class Slots:
    """Slots for `max_running` at once and a queue of `max_queued`; 0 means no limit.

    Who gets a slot is called back by its ticket's `moved`, as is everyone in the queue whose position changed.
    """

    def __init__(self, max_running: int, max_queued: int) -> None:
        self.max_running = max_running
        self.max_queued = max_queued
        self.running = 0
        self._queues: dict[str, deque[Ticket]] = {}

    @property
    def queued(self) -> int:
        """Count those that wait."""
        return sum(map(len, self._queues.values()))

    def request(self, principal: str, moved: Callable[[], None]) -> Ticket:
        """Take a slot, or a place in the queue.

        Raises:
            Refused: `queue_full`.
        """
        ticket = Ticket(principal, moved)
        if not self._queues and self._has_free():
            self._grant(ticket)
            return ticket
        if self.max_queued and self.queued >= self.max_queued:
            message = f"All {self.max_running} slots are in use and {self.max_queued} requests wait: try again later."
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=1000)
        self._queues.setdefault(principal, deque()).append(ticket)
        # Who joins stands behind others only, but with turns by principal some of them may now be behind it.
        self._number(except_for=ticket)
        return ticket

    def release(self, ticket: Ticket) -> None:
        """Give the slot or the place back; a second time does nothing."""
        place, ticket.place = ticket.place, Place.RELEASED
        if place is Place.WAITING:
            waiting = self._queues[ticket.principal]
            waiting.remove(ticket)
            if not waiting:
                del self._queues[ticket.principal]
            self._number()
        elif place is Place.RUNNING:
            self.running -= 1
            self._fill()

    def _has_free(self) -> bool:
        return not self.max_running or self.running < self.max_running

    def _grant(self, ticket: Ticket) -> None:
        self.running += 1
        ticket.place, ticket.position = Place.RUNNING, 0

    def _fill(self) -> None:
        granted: list[Ticket] = []
        while self._queues and self._has_free():
            principal, waiting = next(iter(self._queues.items()))
            ticket = waiting.popleft()
            # Its principal goes to the end of the round.
            del self._queues[principal]
            if waiting:
                self._queues[principal] = waiting
            self._grant(ticket)
            granted.append(ticket)
        for ticket in granted:
            ticket.moved()
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
