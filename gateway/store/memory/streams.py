"""Counts of streams in memory."""

from collections.abc import Mapping


class MemoryStreams:
    """Counts by key and gateway."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    async def report(self, replica: str, counts: Mapping[str, int]) -> Mapping[str, Mapping[str, int]]:
        """Set how many streams a gateway has open for each key; return the counts of all gateways for these keys."""
        for key, count in counts.items():
            of_key = self._counts.setdefault(key, {})
            of_key[replica] = count
            if not count:
                del of_key[replica]
            if not of_key:
                del self._counts[key]
        return {key: dict(self._counts.get(key, {})) for key in counts}
