"""End what a task waits for, without cancelling the task."""

import asyncio
from types import TracebackType


class StopScope:
    """Waits that `stop` ends at once, as `asyncio.timeout` ends them after a time. Entered once, in its task.

    anyio's scopes do the same, for ten times the calls: they are cancelled in a hierarchy, and again and again.
    """

    __slots__ = ("_cancelled_before", "_is_stopped", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelled_before = 0
        self._is_stopped = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelled_before = self._task.cancelling()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        """End the scope: the cancellation by `stop` ends here, but not one that came from elsewhere."""
        task, self._task = self._task, None
        if task is None or not self._is_stopped:
            return False
        return task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError

    def stop(self) -> None:
        """End the waits inside. Called by another task than the one inside; before and after it does nothing."""
        if self._task is not None and not self._is_stopped:
            self._is_stopped = True
            self._task.cancel()
