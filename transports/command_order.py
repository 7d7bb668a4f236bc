"""Commands of one socket that may wait for other gateways."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

MAX_WAITING: Final = 64
"""Commands that wait at the same time, before the next one of their socket has to wait for them."""


class CommandOrder:
    """Executes the commands of each generation one after the other, and those of different generations side by side.

    Its owner calls `finish`, or `close`, in the end. `on_failure` is called with the exception of a command: a fault of
    ours, after which those behind it about the same generation are not executed.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._waiting: dict[str, deque[Callable[[], Awaitable[None]]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._count = 0
        self._has_room = asyncio.Event()

    def __contains__(self, generation_id: str) -> bool:
        return generation_id in self._waiting

    @property
    def is_empty(self) -> bool:
        """Return True if all have been executed."""
        return not self._tasks

    async def add(self, generation_id: str, command: Callable[[], Awaitable[None]]) -> None:
        """Execute a command, after those before it about the same generation; return at once, unless many wait."""
        while self._count >= MAX_WAITING:
            self._has_room.clear()
            await self._has_room.wait()
        self._count += 1
        waiting = self._waiting.setdefault(generation_id, deque())
        waiting.append(command)
        if generation_id not in self._tasks:
            task = asyncio.create_task(self._run(generation_id), name=f"commands {generation_id}")
            self._tasks[generation_id] = task
            task.add_done_callback(self._on_done)

    async def finish(self) -> None:
        """Wait until all have been executed."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def close(self) -> None:
        """Cancel what is left."""
        for task in self._tasks.values():
            task.cancel()

    def _on_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._on_failure(error)

    async def _run(self, generation_id: str) -> None:
        waiting = self._waiting[generation_id]
        try:
            while waiting:
                await waiting[0]()
                waiting.popleft()
                self._count -= 1
                self._has_room.set()
        finally:
            # After a failure some have not been executed: they take no room any more.
            self._count -= len(waiting)
            self._has_room.set()
            del self._waiting[generation_id], self._tasks[generation_id]
