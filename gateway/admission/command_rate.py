"""How many commands may come in a second: of each client over HTTP, and on each WebSocket. Pure.

Starts are counted here too, beside the limit of their own (`buckets.py`): reading one that is refused costs as much. To
read on what was started is not: streams are counted (`streams.py`).
"""

from math import ceil

from gateway.admission.limits import AddressLimit
from gateway.admission.rate_limits import Buckets
from gateway.protocol.errors import Code, Refused

PER_SECOND = 100
"""Where nothing is set."""

BURST_SECONDS = 2
"""How many seconds' worth may come at once."""


class CommandRate:
    """Counts commands. `per_second` None: 100, and no limit for this machine's own addresses; 0: no limit.

    An `address` is what stands for a client, "" if it is known by something better.
    """

    def __init__(self, per_second: int | None = 0) -> None:
        self._limit = AddressLimit(per_second, PER_SECOND)
        rate = PER_SECOND if per_second is None else per_second
        self._clients = Buckets(60 * rate, BURST_SECONDS * rate)
        self._sockets = Buckets(60 * rate, BURST_SECONDS * rate)

    def request(self, client: str, address: str, now: float) -> None:
        """Count a request over HTTP.

        Raises:
            Refused: `rate_limit`, with the time after which it will pass; nothing is counted then.
        """
        if self._limit.limit_for(address):
            if wait := self._clients.wait(client, 1, now):
                raise self._too_many(wait)
            self._clients.spend(client, 1, now)

    def let_stop(self, client: str, address: str, now: float) -> None:
        """Let a request pass that may stop something, also beyond the rate; if it did not, tell `stopped_nothing`.

        Raises:
            Refused: `rate_limit`: as many as may come at once have stopped nothing.
        """
        if self._limit.limit_for(address) and self._clients.level(client, now) <= -self._clients.burst:
            raise self._too_many(self._clients.wait(client, 1, now))

    def stopped_nothing(self, client: str, address: str, now: float) -> None:
        """Count a request that was let pass as a stop, and was none."""
        if self._limit.limit_for(address):
            self._clients.spend(client, 1, now)

    def message(self, socket: str, address: str, now: float) -> Refused | None:
        """Count a message on a socket, and give its refusal if it is one too many. Those are counted as well."""
        if not self._limit.limit_for(address):
            return None
        is_late = self._sockets.wait(socket, 1, now) > 0
        self._sockets.spend(socket, 1, now)
        return self._too_many(self._sockets.wait(socket, 1, now)) if is_late else None

    def give_back(self, socket: str, address: str, now: float) -> None:
        """Count a message as not sent."""
        if self._limit.limit_for(address):
            self._sockets.spend(socket, -1, now)

    def is_flooded(self, socket: str, address: str, now: float) -> bool:
        """Tell whether a socket was sent as much again, after it was told that it is too much."""
        return bool(self._limit.limit_for(address)) and self._sockets.level(socket, now) <= -self._sockets.burst

    def forget(self, socket: str) -> None:
        """Forget a socket that is closed."""
        self._sockets.forget(socket)

    def _too_many(self, wait: float) -> Refused:
        message = f"You send more than {self._sockets.per_minute / 60:g} commands a second: wait a little."
        return Refused(Code.RATE_LIMIT, message, retry_after_ms=max(1, ceil(wait * 1000)))
