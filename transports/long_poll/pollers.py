"""The clients that read by long polls: each is one viewer, also between two of its requests.

A poll names no client, only the position after which it reads. So a client is recognised by where it was left: its next
request continues the last response, or begins inside it, if some or all of it was lost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from gateway.admission.streams import Stream
from gateway.api.services import Services
from gateway.clock import RestartableTimer
from gateway.generation.generation import Generation
from gateway.security.principals import Principal

TRANSPORT: Final = "poll"


@dataclass(eq=False, slots=True)
class Poller:
    """One client that polls a generation, from its first request until it has read the end, or has left."""

    generation: Generation
    principal_id: str
    lease: RestartableTimer
    """Runs between two requests."""
    stream: Stream | None = None
    """The stream that is counted for it between two requests. During a request it belongs to the connection."""
    asked: int = 0
    """The position of the last request."""
    answered: int = 0
    """The position of the last response."""
    answered_at: float | None = None
    """Time of the last response that had events, by the gateway's clock."""
    texts_answered_at: float | None = None
    """Time of the last response that had text, if text is joined for this client."""


@dataclass(slots=True)
class Pollers:
    """The clients between two requests, each for `poll_lease` seconds at most."""

    services: Services
    _resting: dict[tuple[str, str], list[Poller]] = field(default_factory=dict)
    """By generation and principal."""
    waiting: dict[Callable[[], None], None] = field(default_factory=dict)
    """What ends the waits of polls."""
    _closed: bool = False

    def __len__(self) -> int:
        return sum(map(len, self._resting.values()))

    def take(self, generation: Generation, principal: Principal, after: int) -> Poller | None:
        """Return the client whose next request this is; None if it is not known. The caller must `rest` or `leave` it.

        Of two clients at the same position, either is right: what is counted is their number.
        """
        resting = self._resting.get((generation.id, principal.id), ())
        found = next((poller for poller in resting if poller.answered == after), None) or next(
            (poller for poller in resting if poller.asked <= after <= poller.answered), None
        )
        if found is not None:
            self._remove(found)
        return found

    def add(self, generation: Generation, principal: Principal, after: int) -> Poller:
        """Count a client that begins to poll as a viewer. The caller must `rest` or `leave` it.

        Raises:
            Refused: `generation_lost`.
        """
        self.services.hub.add_viewer(generation.id, TRANSPORT, resumed=after > 0)
        return Poller(generation, principal.id, RestartableTimer(self.services.clock))

    def rest(self, poller: Poller, stream: Stream | None) -> None:
        """Keep a client that was answered, and its stream, until its next request or the end of its lease."""
        poller.stream = stream
        if self._closed:
            self.leave(poller)
            return
        self._resting.setdefault((poller.generation.id, poller.principal_id), []).append(poller)
        poller.lease.start_limit(self.services.poll_lease, partial(self._expire, poller))

    def leave(self, poller: Poller) -> None:
        """Count a client as gone."""
        self.services.hub.remove_viewer(poller.generation.id, TRANSPORT)
        if poller.stream is not None:
            poller.stream.release()
            poller.stream = None

    def depart(self) -> None:
        """Answer all polls that wait: their clients poll another gateway next."""
        self.close()
        for end in tuple(self.waiting):
            end()

    def close(self) -> None:
        """Count all clients between two requests as gone, from now on: the gateway ends."""
        self._closed = True
        for poller in [poller for resting in self._resting.values() for poller in resting]:
            self._expire(poller)

    def _expire(self, poller: Poller) -> None:
        self._remove(poller)
        self.leave(poller)

    def _remove(self, poller: Poller) -> None:
        poller.lease.cancel()
        key = (poller.generation.id, poller.principal_id)
        self._resting[key].remove(poller)
        if not self._resting[key]:
            del self._resting[key]
