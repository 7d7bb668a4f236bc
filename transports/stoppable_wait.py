"""A wait of a task that something else may end early."""

import asyncio
from types import TracebackType
from typing import Any, cast


class StoppableWait:
    """Ends the `with` block of its task without an exception when `stop` is called; the block may be entered again.

    As `asyncio.timeout` does it, but one object serves all waits of a task, and no coroutine is kept meanwhile: a
    socket waits for as long as it is idle.
    """

    __slots__ = ("_cancelled_before", "_is_waiting", "_task")

    def __init__(self) -> None:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._is_waiting = False
        self._cancelled_before = 0

    def stop(self) -> None:
        """End the block, unless its task is outside."""
        if self._is_waiting:
            self._is_waiting = False
            self._task.cancel()

    def __enter__(self) -> None:
        self._cancelled_before, self._is_waiting = self._task.cancelling(), True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._is_waiting:
            self._is_waiting = False
            return False
        # `stop` has cancelled the task; another may have cancelled it, too.
        is_stopped = self._task.uncancel() <= self._cancelled_before
        return is_stopped and kind is asyncio.CancelledError
