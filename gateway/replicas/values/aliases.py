"""The names that clients have chosen for their generations, for all replicas."""

from typing import Final

from gateway.replicas.values.value_key import hashed_key
from gateway.replicas.values.value_renewal import ValueRenewal, keep_seconds
from gateway.store.values import Values

MAX_NAMED: Final = 8
"""Number of generations that a name remembers: one of them that is named again does not become the newest."""


class Aliases:
    """Names of generations in the store. One that has had a name keeps or has lost it; see `Records.add_alias`.

    The value of a name lists the generations that were given it, newest first. So it is changed by compare-and-set, and
    what it named before is known at the same moment.
    """

    def __init__(self, values: Values, renewal: ValueRenewal) -> None:
        self._values = values
        self._renewal = renewal

    async def add(self, generation_id: str, alias: str, principal_id: str, retention: float) -> str | None:
        """Name a generation; return the id of that which had the name before.

        None if there was none, or if this one has been given the name before: then nothing changes.

        Raises:
            StoreError: it is not known whether the generation has the name.
        """
        key, keep = _key(alias, principal_id), keep_seconds(retention)
        self._renewal.add(generation_id, (key,), retention)
        while True:
            (stored,) = await self._values.get([key])
            named = _decode(stored)
            if generation_id in named:
                return None
            value = " ".join([generation_id, *named][:MAX_NAMED]).encode()
            if await self._values.swap(key, stored, value, keep):
                return named[0] if named else None

    async def find(self, alias: str, principal_id: str, retention: float) -> str | None:
        """Return the id of the newest generation that was given a name; it may be kept no longer.

        Raises:
            StoreError: the store can't be read.
        """
        (stored,) = await self._values.get([_key(alias, principal_id)], keep_seconds(retention))
        return next(iter(_decode(stored)), None)


def _decode(stored: bytes | None) -> list[str]:
    return [] if stored is None else stored.decode().split()


def _key(alias: str, principal_id: str) -> str:
    return hashed_key("alias", principal_id, alias)
