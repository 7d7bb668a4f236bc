"""Leases in memory."""

from gateway.clock import Clock
from gateway.store.members import Membership


class MemoryMembers:
    """Leases of gateways by their ids, with when they run out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[str, float] = {}
        self._infos: dict[str, bytes] = {}

    async def renew(self, replica: str, ttl: float, info: bytes) -> Membership:
        """Renew a lease for `ttl` seconds, or take one; return who is alive."""
        now = self._clock.now()
        was_alive = self._leases.get(replica, now) > now
        self._leases[replica], self._infos[replica] = now + ttl, info
        dead = frozenset(name for name, until in self._leases.items() if until <= now)
        return Membership(was_alive, {name: self._infos[name] for name in self._leases if name not in dead}, dead)

    async def remove(self, replica: str) -> None:
        """Remove a gateway that has left, or whose generations have all been taken over."""
        self._leases.pop(replica, None)
        self._infos.pop(replica, None)
