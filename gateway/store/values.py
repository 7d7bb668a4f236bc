"""The port of small values that all gateways read: tickets, names of generations, stored responses."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Values(Protocol):
    """Bytes by key, each with its own expiry. Every method may raise `StoreError`.

    `keep` is how long a value is kept from now on, in seconds of the store's clock. Several keys are not read or
    written at one moment: in a cluster they are on different nodes.
    """

    async def get(self, keys: Sequence[str], keep: float | None = None) -> Sequence[bytes | None]:
        """Return the values of keys, None for what is unknown or has expired; with `keep`, those found are renewed."""
        ...

    async def set(self, values: Mapping[str, bytes], keep: float) -> None:
        """Store values in place of those before."""
        ...

    async def swap(self, key: str, expected: bytes | None, value: bytes, keep: float) -> bool:
        """Store a value if the one before is `expected`, None for no value; return False, and change nothing, if not.

        Of several callers that expect the same, one gets True. After a time-out it is not known whether it was done:
        a caller that tries again finds its own value.
        """
        ...

    async def touch(self, keys: Sequence[str], keep: float) -> None:
        """Keep values from now on for `keep` seconds; unknown keys are ignored."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete values; unknown keys are ignored."""
        ...
