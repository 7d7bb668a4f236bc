"""Limits of open connections, in total and per address, for every protocol on them. Pure."""

from dataclasses import dataclass

from gateway.admission.limits import NO_LIMIT, AddressLimit, KeyedCounter
from gateway.log_throttle import LogThrottle
from gateway.net.addresses import Networks, client_address
from gateway.protocol.errors import Code, Refused

CONNECTIONS_PER_ADDRESS = 500
"""Default of `max_connections_per_address`."""

RETRY_MS = 1000
"""`retry_after_ms` of a refusal: connections are short, so there is room again soon."""


class Connections:
    """Counts open connections.

    `max_connections` 0: no limit in total. The limit per address does not apply to trusted proxies, whose connections
    carry the requests of many clients.
    """

    def __init__(
        self,
        max_connections: int = 0,
        max_per_address: AddressLimit = NO_LIMIT,
        trusted_proxies: Networks | None = None,
    ) -> None:
        self.max_connections = max_connections
        self.open = 0
        self.refused = 0
        """Connections that are refused, and whose request is awaited to respond to it."""
        self.log_throttle = LogThrottle()
        """Limits the log messages about refused connections."""
        self._max_per_address = max_per_address
        self._trusted_proxies = trusted_proxies or Networks()
        self._addresses = KeyedCounter()

    def admit(self, host: str, *, has_files: bool = True) -> "Connection":
        """Count a connection from an address. The caller must release it, once.

        Raises:
            Refused: `queue_full`: too many connections in total, or this process has no files left; `rate_limit`: too
                many from this address.
        """
        if not has_files:
            message = "This gateway has too many files open to accept a connection: try again later."
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=RETRY_MS)
        if self.max_connections and self.open >= self.max_connections:
            message = f"This gateway has {self.max_connections} connections open and accepts no more: try again later."
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=RETRY_MS)
        address = client_address(host)
        max_count = self._max_per_address.limit_for(address)
        if not self._addresses.has_room(address, max_count) and host not in self._trusted_proxies:
            message = f"Your address has {max_count} connections open: close some, or try again later."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=RETRY_MS)
        self._addresses.add(address)
        self.open += 1
        return Connection(self, address)

    def release(self, address: str) -> None:
        """Uncount a connection; see `Connection.release`."""
        self._addresses.remove(address)
        self.open -= 1


@dataclass(eq=False, slots=True)
class Connection:
    """An admitted connection."""

    _connections: Connections
    _address: str

    def release(self) -> None:
        """Uncount the connection. Call it exactly once."""
        self._connections.release(self._address)
