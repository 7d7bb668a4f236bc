"""The port of counts of open streams, by client and by address."""

from collections.abc import Mapping
from typing import Protocol


class StreamStore(Protocol):
    """Counts by key and gateway. Every method may raise `StoreError`."""

    async def report(self, replica: str, counts: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        """Set how many streams a gateway has open for each key; return the counts of all gateways for these keys."""
        ...
