"""How many connections there may be, in all and from one address, whatever comes over them. Pure."""

from dataclasses import dataclass

from gateway.admission.limits import NO_LIMIT, AddressLimit, KeyedCounter
from gateway.admission.log_throttle import LogThrottle
from gateway.net.addresses import Networks, client_address
from gateway.protocol.errors import Code, Refused

CONNECTIONS_PER_ADDRESS = 500
"""Where nothing is set."""

RETRY_MS = 1000
"""Advised to who is refused: as connections end, there is room again."""


class Connections:
    """Counts connections; `most` in all, 0 for no limit. Those from `proxies` are many clients', and not one's."""

    def __init__(self, most: int = 0, per_address: AddressLimit = NO_LIMIT, proxies: Networks | None = None) -> None:
        self.most = most
        self.open = 0
        self.log_throttle = LogThrottle()
        """When it was logged that one was refused."""
        self._per_address = per_address
        self._proxies = proxies or Networks()
        self._each = KeyedCounter()

    def enter(self, host: str) -> "Connection":
        """Count one in that comes from an address; whoever does must let it leave, once.

        Raises:
            Refused: `queue_full`, there are too many in all, or `rate_limit`, from its address.
        """
        if self.most and self.open >= self.most:
            message = f"This gateway has {self.most} connections open, and takes no more: try again later."
            raise Refused(Code.QUEUE_FULL, message, retry_after_ms=RETRY_MS)
        address = client_address(host)
        most = self._per_address.limit_for(address)
        if not self._each.has_room(address, most) and host not in self._proxies:
            message = f"Your address has {most} connections open: close some, or try again later."
            raise Refused(Code.RATE_LIMIT, message, retry_after_ms=RETRY_MS)
        self._each.add(address)
        self.open += 1
        return Connection(self, address)

    def leave(self, address: str) -> None:
        """Count one out; see `Connection.leave`."""
        self._each.remove(address)
        self.open -= 1


@dataclass(eq=False, slots=True)
class Connection:
    """One that was counted in."""

    _all: Connections
    _address: str

    def leave(self) -> None:
        """Count it out, once."""
        self._all.leave(self._address)
