"""How many streams may be read at once, by one client and from one address. Pure.

A stream is a connection on which events are read: an HTTP body, or a WebSocket, whatever that carries.
"""

from dataclasses import dataclass, field

from gateway.admission.limits import NO_LIMIT, AddressLimit, KeyedCounter
from gateway.admission.log_throttle import LogThrottle
from gateway.protocol.errors import Code, Refused

STREAMS_PER_CLIENT = 1000
STREAMS_PER_ADDRESS = 500
"""Where nothing is set."""

RETRY_MS = 5000
"""Advised to who is refused: streams last longer than requests, and an EventSource keeps coming back."""


class Streams:
    """Counts streams. `per_client` is what holds for a principal that has no limit of its own."""

    def __init__(self, per_client: AddressLimit = NO_LIMIT, per_address: AddressLimit = NO_LIMIT) -> None:
        self.per_client = per_client
        self.open = 0
        self.log_throttle = LogThrottle()
        """When it was logged that an address was refused one."""
        self._per_address = per_address
        self._addresses = KeyedCounter()
        self._clients = KeyedCounter()

    def enter(self, address: str) -> "Stream":
        """Count one in that comes from an address, of whoever it is; whoever does must let it leave, once.

        Raises:
            Refused: `rate_limit`.
        """
        most = self._per_address.limit_for(address)
        if not self._addresses.has_room(address, most):
            raise _too_many(f"Your address reads {most} streams already")
        self._addresses.add(address)
        self.open += 1
        return Stream(self, address)

    def claim(self, stream: "Stream", client: str, most: int) -> None:
        """Count a stream as a client's; see `Stream.claim`."""
        if client == stream.client:
            return
        if not self._clients.has_room(client, most):
            raise _too_many(f"You read {most} streams already")
        self._disclaim(stream)
        self._clients.add(client)
        stream.client = client

    def leave(self, stream: "Stream") -> None:
        """Count one out; see `Stream.leave`."""
        self._disclaim(stream)
        self._addresses.remove(stream.address)
        self.open -= 1

    def _disclaim(self, stream: "Stream") -> None:
        if stream.client:
            self._clients.remove(stream.client)


@dataclass(eq=False, slots=True)
class Stream:
    """One that was counted in. `client` is whose it is, "" as long as that is not known."""

    _all: Streams
    address: str
    client: str = field(init=False, default="")

    def claim(self, client: str, most: int) -> None:
        """Count it as this client's, of whom there may be `most`, 0 for any number; it may have been another's before.

        Raises:
            Refused: `rate_limit`; it is as before then.
        """
        self._all.claim(self, client, most)

    def leave(self) -> None:
        """Count it out, once."""
        self._all.leave(self)


def _too_many(said: str) -> Refused:
    return Refused(Code.RATE_LIMIT, f"{said}: close one, or try again later.", retry_after_ms=RETRY_MS)
