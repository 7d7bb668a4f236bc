"""The port of membership: which gateways of the deployment are alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Membership:
    """The gateways of a deployment, with the information that each has given.

    `was_alive`: the caller's own lease had not run out before it was renewed. `dead` are gateways whose lease has run
    out, and that were not removed yet.
    """

    was_alive: bool
    alive: Mapping[str, bytes]
    dead: frozenset[str]


class Members(Protocol):
    """Leases of gateways, on the clock of the store. Every method may raise `StoreError`."""

    async def renew(self, replica: str, ttl: float, info: bytes) -> Membership:
        """Renew a lease for `ttl` seconds, or take one; return who is alive."""
        ...

    async def remove(self, replica: str) -> None:
        """Remove a gateway that has left, or whose generations have all been taken over."""
        ...
