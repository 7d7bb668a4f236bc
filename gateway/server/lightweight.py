"""Event, queue and flow control with a single waiter, for what an idle connection keeps.

Those of asyncio each keep a deque of waiters or messages, which takes 760 bytes even when it is empty.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.flow_control import FlowControl


def do_nothing() -> None:
    """Do nothing."""


class SingleWaiterEvent(asyncio.Event):
    """An `asyncio.Event` for which at most one task waits."""

    def __init__(self) -> None:
        # Not `super().__init__()`, which makes a deque of waiters. The inherited `is_set` and `clear` use `_value`.
        self._value = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Set the event, and wake the task that waits for it."""
        self._value = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> Literal[True]:
        """Wait until the event is set.

        Raises:
            AssertionError: another task is waiting.
        """
        # A loop, because the event may be cleared again before the woken task runs.
        while not self._value:
            if self._waiter is not None:
                message = "only one task may wait for this event"
                raise AssertionError(message)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True

    def __repr__(self) -> str:
        return f"<SingleWaiterEvent, {'set' if self._value else 'unset'}>"


class SingleReaderQueue(asyncio.Queue[ASGIReceiveEvent]):
    """An unbounded `asyncio.Queue` that at most one task reads. It has only the methods that uvicorn calls."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        # A list: reading pauses after each message, so that the queue is short, and an empty deque takes 760 bytes.
        self._messages: list[ASGIReceiveEvent] = []

    def __repr__(self) -> str:
        return f"<SingleReaderQueue of {len(self._messages)} messages>"

    __str__ = __repr__

    @property
    def is_awaited(self) -> bool:
        """Return True if a task waits for the next message."""
        return self._waiter is not None and not self._waiter.done()

    def put_nowait(self, item: ASGIReceiveEvent) -> None:
        """Append a message."""
        self._messages.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def empty(self) -> bool:
        """Return True if there is no message."""
        return not self._messages

    async def get(self, on_emptied: Callable[[], None] = do_nothing) -> ASGIReceiveEvent:
        """Remove and return the oldest message; wait for one if there is none. Call `on_emptied` if it was the last."""
        while not self._messages:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.pop(0)
        if not self._messages:
            on_emptied()
        return message


class LightFlowControl(FlowControl):
    """uvicorn's flow control with a `SingleWaiterEvent`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_writable_event = SingleWaiterEvent()
        self._is_writable_event.set()
