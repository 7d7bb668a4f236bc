"""Keep the tasks of a gateway running: a fault of ours must not end one of them unnoticed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.clock import Clock, sleep
from gateway.log_fields import log_fields

logger = logging.getLogger(__name__)

RESTART_SECONDS: Final = 1.0
"""Time after which a task that failed begins again: what it missed is read from the store, as after a lost message."""


class Supervisor:
    """Runs tasks until `close`. One that fails is logged, and begins again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Start a task."""
        self._tasks.append(asyncio.create_task(self._supervise(name, run), name=name))

    async def close(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        tasks = tuple(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await run()
            except Exception:  # the boundary of a task
                fields = log_fields("task_failed", task=name, retry_seconds=RESTART_SECONDS)
                logger.exception("the task %r failed: it begins again in %g s", name, RESTART_SECONDS, extra=fields)
            await sleep(RESTART_SECONDS, self._clock)
