"""Values in memory."""

from collections.abc import Mapping, Sequence

from gateway.clock import Clock


class MemoryValues:
    """Values by key, with when they expire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stored: dict[str, tuple[bytes, float]] = {}

    async def get(self, keys: Sequence[str], keep: float | None = None) -> Sequence[bytes | None]:
        """Return the values of keys, None for what is unknown or has expired; with `keep`, those found are renewed."""
        if keep is not None:
            await self.touch(keys, keep)
        return [self._get(key) for key in keys]

    async def set(self, values: Mapping[str, bytes], keep: float) -> None:
        """Store values in place of those before."""
        self._stored.update({key: (value, self._clock.now() + keep) for key, value in values.items()})

    async def swap(self, key: str, expected: bytes | None, value: bytes, keep: float) -> bool:
        """Store a value if the one before is `expected`, None for no value; return False if not."""
        if self._get(key) != expected:
            return False
        self._stored[key] = value, self._clock.now() + keep
        return True

    async def touch(self, keys: Sequence[str], keep: float) -> None:
        """Keep values from now on for `keep` seconds; unknown keys are ignored."""
        found = {key: value for key in keys if (value := self._get(key)) is not None}
        await self.set(found, keep)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete values; unknown keys are ignored."""
        for key in keys:
            self._stored.pop(key, None)

    def _get(self, key: str) -> bytes | None:
        value, expires = self._stored.get(key, (None, 0.0))
        if value is not None and expires <= self._clock.now():
            del self._stored[key]
            return None
        return value
