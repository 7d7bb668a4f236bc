"""Which gateways count as dead. Pure."""

from collections.abc import Collection
from math import inf


class Suspects:
    """Gateways that are not alive, with when that was first seen.

    A lease that has run out is no proof by itself: while the store can't be used, all leases run out, and when it can
    be used again one gateway is the first to look. So a gateway is dead only if it was seen so for `confirm` seconds,
    and if the one that looks has held its own lease for `settle` seconds, in which the others have renewed theirs.
    """

    def __init__(self, confirm: float, settle: float) -> None:
        self._confirm = confirm
        self._settle = settle
        self._settled_at = inf
        self._seen: dict[str, float] = {}
        self.is_pending = False
        """Some are to be looked at again, after `confirm` seconds."""

    def restart(self, now: float) -> None:
        """Begin again: this gateway has got its lease, which it did not have before."""
        self._seen.clear()
        self._settled_at = now + self._settle

    def confirm(self, missing: Collection[str], now: float) -> list[str]:
        """Record which gateways are not alive now; return those that count as dead."""
        self._seen = {name: self._seen.get(name, now) for name in missing}
        self.is_pending = False
        if now < self._settled_at:
            return []
        dead = [name for name, since in self._seen.items() if now - since >= self._confirm]
        self.is_pending = len(dead) < len(self._seen)
        return dead
