"""One look a second at all gateways, for all consoles together; none while no console is open."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.api.console.changes import change_frame, snapshot_frame
from gateway.api.console.view import View
from gateway.clock import Clock, sleep
from gateway.log_fields import log_fields

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0


class Ticker:
    """Collects views while there are consoles. Each of them reads the newest one when it can: none queues up.

    A console that is slow skips views. What differs between two views is encoded once for all that have both.
    """

    def __init__(self, collect: Callable[[], Awaitable[View]], clock: Clock) -> None:
        self._collect = collect
        self._clock = clock
        self._consoles: dict[Callable[[], None], None] = {}
        """What ends each console."""
        self._task: asyncio.Task[None] | None = None
        self._view: View | None = None
        self._changed = asyncio.Event()
        self._encoded: tuple[View, View, bytes] | None = None
        self.on_idle: Callable[[], None] = _nothing
        """Called when the last console has left."""

    @property
    def consoles(self) -> int:
        """Return the number of consoles."""
        return len(self._consoles)

    def enter(self, end: Callable[[], None]) -> None:
        """Count a console, which `end` ends; `leave` must follow once."""
        self._consoles[end] = None
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="console")

    def leave(self, end: Callable[[], None]) -> None:
        """Count a console as gone; after the last one nothing is collected."""
        del self._consoles[end]
        if not self._consoles and self._task is not None:
            self._task.cancel()
            self._task = self._view = self._encoded = None
            self.on_idle()

    def close(self) -> None:
        """End all consoles: the gateway shuts down."""
        for end in tuple(self._consoles):
            end()

    async def newer_than(self, view: View | None) -> View:
        """Wait for a view that is newer than one, or for any."""
        while self._view is None or self._view is view:
            await self._changed.wait()
        return self._view

    def frame(self, old: View | None, new: View) -> bytes:
        """Return the event that leads from one view to another; b"" if they are equal."""
        if old is None:
            return snapshot_frame(new)
        if self._encoded is None or self._encoded[0] is not old or self._encoded[1] is not new:
            self._encoded = (old, new, change_frame(old, new))
        return self._encoded[2]

    async def _run(self) -> None:
        while True:
            try:
                self._view = await self._collect()
            except Exception:  # the boundary of a task: the console stands still, and all else goes on
                logger.exception("the console can't be brought up to date", extra=log_fields("console_failed"))
            self._changed.set()
            self._changed = asyncio.Event()
            await sleep(TICK_SECONDS, self._clock)


def _nothing() -> None:
    pass
