"""Limits of open streams, per client and per address. Pure.

A stream is a connection on which events are read: the body of an HTTP response, or a WebSocket with any number of
generations on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.admission.limits import NO_LIMIT, AddressLimit, KeyedCounter
from gateway.log_throttle import LogThrottle
from gateway.protocol.errors import Code, Refused

STREAMS_PER_CLIENT = 1000
"""Default of `max_streams_per_client`."""

STREAMS_PER_ADDRESS = 500
"""Default of `max_streams_per_address`."""

RETRY_MS = 5000
"""`retry_after_ms` of a refusal: streams last longer than requests, and an EventSource reconnects for ever."""


class Streams:
    """Counts open streams. `max_per_client` is the limit of principals that have none of their own."""

    def __init__(self, max_per_client: AddressLimit = NO_LIMIT, max_per_address: AddressLimit = NO_LIMIT) -> None:
        self.max_per_client = max_per_client
        self.open = 0
        self.log_throttle = LogThrottle()
        """Limits the log messages about refused streams."""
        self._max_per_address = max_per_address
        self.addresses = KeyedCounter()
        self.clients = KeyedCounter()
        self.on_change: Callable[[KeyedCounter, str], None] | None = None
        """Called when a count has changed, unless it was without a limit when it grew."""

    def admit(self, address: str) -> "Stream":
        """Count a stream from an address, of a client that may be unknown yet. The caller must release it, once.

        Raises:
            Refused: `rate_limit`: too many streams from this address.
        """
        max_count = self._max_per_address.limit_for(address)
        if not self.addresses.has_room(address, max_count):
            raise _too_many(f"Your address reads {max_count} streams already")
        self.addresses.add(address)
        self.open += 1
        if max_count and self.on_change is not None:
            self.on_change(self.addresses, address)
        return Stream(self, address)


@dataclass(eq=False, slots=True)
class Stream:
    """An admitted stream. `client` identifies its client, "" until that is known."""

    _streams: Streams
    address: str
    client: str = field(init=False, default="")

    def claim(self, client: str, max_streams: int) -> None:
        """Count the stream as this client's, instead of the client's that it had before, if any.

        `max_streams` is the client's limit, 0 for none.

        Raises:
            Refused: `rate_limit`. The stream keeps the client that it had.
        """
        if client == self.client:
            return
        streams = self._streams
        if not streams.clients.has_room(client, max_streams):
            raise _too_many(f"You read {max_streams} streams already")
        if self.client:
            self._disclaim()
        streams.clients.add(client)
        self.client = client
        if max_streams and streams.on_change is not None:
            streams.on_change(streams.clients, client)

    def release(self) -> None:
        """Uncount the stream. Call it exactly once."""
        streams = self._streams
        if self.client:
            self._disclaim()
        streams.addresses.remove(self.address)
        streams.open -= 1
        if streams.on_change is not None:
            streams.on_change(streams.addresses, self.address)

    def _disclaim(self) -> None:
        streams = self._streams
        streams.clients.remove(self.client)
        if streams.on_change is not None:
            streams.on_change(streams.clients, self.client)


def _too_many(reason: str) -> Refused:
    return Refused(Code.RATE_LIMIT, f"{reason}: close one, or try again later.", retry_after_ms=RETRY_MS)
