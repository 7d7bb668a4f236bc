"""Writes to the store that their callers do not wait for, or wait for only later."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.store.errors import StoreError


class WriteBehind:
    """Runs writes at once, those of a name one after the other. What fails is not tried again: the next write is."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, Callable[[], Awaitable[None]]] = {}

    def write(self, name: str, write: Callable[[], Awaitable[None]]) -> None:
        """Run a write, which replaces one of the same name that has not begun."""
        self._next[name] = write
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._run(name), name=f"write {name}")

    async def flush(self) -> None:
        """Wait until what was written up to now is stored, or has failed. The writes go on if this is cancelled."""
        if self._tasks:
            await asyncio.wait([*self._tasks.values()])

    async def _run(self, name: str) -> None:
        try:
            while (write := self._next.pop(name, None)) is not None:
                with suppress(StoreError):
                    await write()
        finally:
            del self._tasks[name]
