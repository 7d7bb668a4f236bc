"""Limits per address and per principal, and counters for them. Pure."""

from dataclasses import dataclass
from typing import Final

from gateway.net.addresses import is_loopback_address


@dataclass(frozen=True, slots=True)
class AddressLimit:
    """Limit for each address; 0 means no limit.

    `max_count` None means not set: `default` applies, except to loopback addresses, from which the operator connects,
    or a local proxy with the requests of all clients.
    """

    max_count: int | None = 0
    default: int = 0

    def limit_for(self, address: str) -> int:
        """Return the limit of an address. "" stands for a client that is identified by something else."""
        if self.max_count is not None:
            return self.max_count
        return 0 if is_loopback_address(address) else self.default


NO_LIMIT: Final = AddressLimit()
"""No limit for any address."""


@dataclass(frozen=True, slots=True)
class PrincipalLimits:
    """A principal's own limits. None: the general setting applies; 0: no limit. `budget_per_day`: US dollars."""

    rate_limit_per_minute: int | None = None
    rate_limit_burst: int | None = None
    output_tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    budget_per_day: float | None = None
    max_streams: int | None = None


NO_PRINCIPAL_LIMITS: Final = PrincipalLimits()
"""The general settings apply."""


class KeyedCounter:
    """A counter for each key. Keys with a count of 0 use no memory."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self.elsewhere: dict[str, int] = {}
        """What other gateways count, as far as it is known; empty without any."""

    def __getitem__(self, key: str) -> int:
        return self._counts.get(key, 0)

    def has_room(self, key: str, max_count: int) -> bool:
        """Return True if one more is within a limit; 0 means no limit."""
        return not max_count or self[key] + self.elsewhere.get(key, 0) < max_count

    def add(self, key: str) -> None:
        """Increment a counter."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: str) -> None:
        """Decrement a counter."""
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
