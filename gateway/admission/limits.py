"""A limit by address, as it is set for all. Pure."""

from dataclasses import dataclass
from typing import Final

from gateway.net.addresses import is_local


@dataclass(frozen=True, slots=True)
class AddressLimit:
    """How many an address may have; 0 means no limit.

    `max_count` None means not set: then `default` applies, except to addresses of this machine, from which a proxy of
    all clients, or the operator, connects.
    """

    max_count: int | None = 0
    default: int = 0

    def limit_for(self, address: str) -> int:
        """Give the limit of an address; of "" that of what is no address."""
        if self.max_count is not None:
            return self.max_count
        return 0 if is_local(address) else self.default


NO_LIMIT: Final = AddressLimit()


@dataclass(frozen=True, slots=True)
class PrincipalLimits:
    """A principal's own limits. None: as set for all; 0: no limit. The budget is US dollars for each UTC day."""

    rate_limit_per_minute: int | None = None
    rate_limit_burst: int | None = None
    output_tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    budget_per_day: float | None = None
    max_streams: int | None = None


NO_PRINCIPAL_LIMITS = PrincipalLimits()


class KeyedCounter:
    """Counts by name; a name without any takes no memory."""

    def __init__(self) -> None:
        self._each: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self._each.get(name, 0)

    def has_room(self, name: str, max_count: int) -> bool:
        """Tell whether one more is within a limit; 0 means none."""
        return not max_count or self[name] < max_count

    def add(self, name: str) -> None:
        """Count one in."""
        self._each[name] = self[name] + 1

    def remove(self, name: str) -> None:
        """Count one out."""
        left = self._each[name] - 1
        if left:
            self._each[name] = left
        else:
            del self._each[name]
