"""Rate limit for commands: per client over HTTP, and per connection on WebSockets. Pure.

Starts are counted here too, besides having a limit of their own (`rate_limits.py`): parsing a start that is then
refused costs as much. Reading a generation is not counted here; streams are (`streams.py`).
"""

from math import ceil

from gateway.admission.limits import AddressLimit
from gateway.admission.rate_limits import Buckets
from gateway.protocol.errors import Code, Refused

PER_SECOND = 100
"""Default of `max_commands_per_second`."""

BURST_SECONDS = 2
"""Size of a bucket, in seconds of its rate."""


class CommandRate:
    """Counts commands in token buckets.

    `max_commands_per_second` None: 100, and no limit for loopback addresses. 0: no limit. The methods' `address` is the
    client's, or "" if the client is identified by something better.
    """

    def __init__(self, max_commands_per_second: int | None = 0) -> None:
        self._limit = AddressLimit(max_commands_per_second, PER_SECOND)
        rate = PER_SECOND if max_commands_per_second is None else max_commands_per_second
        self._clients = Buckets(60 * rate, BURST_SECONDS * rate)
        self._sockets = Buckets(60 * rate, BURST_SECONDS * rate)

    def count_request(self, client: str, address: str, now: float) -> None:
        """Count a request over HTTP.

        Raises:
            Refused: `rate_limit`, with the time until a request will pass. The request is not counted.
        """
        if self._limit.limit_for(address):
            if wait := self._clients.wait(client, 1, now):
                raise self._too_many(wait)
            self._clients.spend(client, 1, now)

    def refund_request(self, client: str, address: str, now: float) -> None:
        """Undo the count of a request."""
        if self._limit.limit_for(address):
            self._clients.spend(client, -1, now)

    def allow_stop(self, client: str, address: str, now: float) -> None:
        """Allow a request that may stop a generation, even beyond the rate, without counting it.

        If it stops nothing, call `count_failed_stop`. Those may exceed the rate by one burst.

        Raises:
            Refused: `rate_limit`: too many such requests stopped nothing.
        """
        if self._limit.limit_for(address) and self._clients.level(client, now) <= -self._clients.burst:
            raise self._too_many(self._clients.wait(client, 1, now))

    def count_failed_stop(self, client: str, address: str, now: float) -> None:
        """Count a request that `allow_stop` allowed, but that stopped nothing."""
        if self._limit.limit_for(address):
            self._clients.spend(client, 1, now)

    def count_message(self, socket: str, address: str, now: float) -> Refused | None:
        """Count a message on a WebSocket, and return its refusal if it exceeds the rate.

        Refused messages are counted as well: this is how `is_flooded` recognizes a client that ignores refusals.
        """
        if not self._limit.limit_for(address):
            return None
        exceeds = self._sockets.wait(socket, 1, now) > 0
        self._sockets.spend(socket, 1, now)
        return self._too_many(self._sockets.wait(socket, 1, now)) if exceeds else None

    def refund_message(self, socket: str, address: str, now: float) -> None:
        """Undo the count of a message."""
        if self._limit.limit_for(address):
            self._sockets.spend(socket, -1, now)

    def is_flooded(self, socket: str, address: str, now: float) -> bool:
        """Return True if a whole burst of messages came on a socket beyond those that were allowed.

        Only a message that `count_message` refused can be the one that makes it a flood.
        """
        return bool(self._limit.limit_for(address)) and self._sockets.level(socket, now) <= -self._sockets.burst

    def forget(self, socket: str) -> None:
        """Remove a closed socket."""
        self._sockets.forget(socket)

    def _too_many(self, wait: float) -> Refused:
        message = f"You send more than {self._sockets.per_minute / 60:g} commands a second: slow down."
        return Refused(Code.RATE_LIMIT, message, retry_after_ms=max(1, ceil(wait * 1000)))
