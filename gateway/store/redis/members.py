"""Leases of gateways in Redis, on its clock: those of the gateways may differ."""

import logging
from typing import Final

from gateway.clock import Clock
from gateway.log_fields import log_fields
from gateway.log_throttle import LogThrottle
from gateway.store.members import Membership
from gateway.store.redis.calls import Command, ScriptCall
from gateway.store.redis.client import RedisClient
from gateway.store.redis.keys import Keys
from gateway.store.redis.replies import as_bytes, as_int, as_list, as_text
from gateway.store.redis.scripts import load_script

logger = logging.getLogger(__name__)

MAX_SKEW_SECONDS: Final = 2.0
"""Difference between the clocks of a gateway and of Redis from which it is logged: creation times show it."""

_RENEW: Final = load_script("renew")


class RedisMembers:
    """Leases of gateways by their ids: a sorted set by the moment when they run out, and a hash of information."""

    def __init__(self, client: RedisClient, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._skew_logged = LogThrottle()

    async def renew(self, replica: str, ttl: float, info: bytes) -> Membership:
        """Renew a lease for `ttl` seconds, or take one; return who is alive."""
        before = self._clock.unix()
        reply = await self._client.call(ScriptCall(_RENEW, self._keys.members, (replica, int(ttl * 1000), info)))
        was_alive, now, run_out, fields = as_list(reply)
        self._check_skew(as_int(now) / 1000, before)
        dead = frozenset(map(as_text, as_list(run_out)))
        infos = as_list(fields)
        pairs = zip(map(as_text, infos[::2]), map(as_bytes, infos[1::2]), strict=True)
        return Membership(as_int(was_alive) == 1, {name: given for name, given in pairs if name not in dead}, dead)

    async def remove(self, replica: str) -> None:
        """Remove a gateway that has left, or whose generations have all been taken over."""
        leases, infos = self._keys.members
        await self._client.run_all(
            [Command(leases, ("ZREM", leases, replica)), Command(infos, ("HDEL", infos, replica))]
        )

    def _check_skew(self, theirs: float, before: float) -> None:
        skew = clock_skew(before, theirs, self._clock.unix())
        if abs(skew) > MAX_SKEW_SECONDS and self._skew_logged.is_due(self._clock.now()):
            logger.warning(
                "the clock of this machine is %.1f s %s that of Redis: times that clients see differ by that; "
                "leases do not depend on it. Synchronize the clocks (NTP)",
                *(abs(skew), "ahead of" if skew > 0 else "behind"),
                extra=log_fields("clock_skew", seconds=round(skew, 3)),
            )


def clock_skew(before: float, theirs: float, after: float) -> float:
    """Return by how much our clock is at least ahead of theirs, or behind it if negative.

    Their time was read between those before and after a call.
    """
    return max(0.0, before - theirs) + min(0.0, after - theirs)
