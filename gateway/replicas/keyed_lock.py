"""A lock for each key, which uses no memory while it is not held."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_NO_LOCK: Final = nullcontext()


class KeyedLock(Generic[K]):
    """Locks by key."""

    def __init__(self) -> None:
        self._locks: dict[K, tuple[asyncio.Lock, int]] = {}
        """Locks, with the number of those that hold or await them."""

    def __len__(self) -> int:
        return len(self._locks)

    def hold(self, key: K | None) -> AbstractAsyncContextManager[None]:
        """Hold the lock of a key; None has no lock."""
        return _NO_LOCK if key is None else self._hold(key)

    @asynccontextmanager
    async def _hold(self, key: K) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
