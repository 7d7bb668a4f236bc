"""What an idle connection keeps, for one that waits: asyncio's own are for many, and take 760 bytes for each queue."""

import asyncio
from typing import Literal

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.flow_control import FlowControl


class SingleWaiterEvent(asyncio.Event):
    """An event that at most one task waits for."""

    def __init__(self) -> None:
        self._value = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let it go on."""
        self._value = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> Literal[True]:
        """Wait until it is set."""
        while not self._value:
            if self._waiter is not None:
                message = "a flag is waited for by one task"
                raise AssertionError(message)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True


class SingleReaderQueue(asyncio.Queue[ASGIReceiveEvent]):
    """A queue that at most one task reads."""

    def __init__(self) -> None:
        self._filled = SingleWaiterEvent()
        self._messages: list[ASGIReceiveEvent] = []

    def put_nowait(self, item: ASGIReceiveEvent) -> None:
        """Add a message."""
        self._messages.append(item)
        self._filled.set()

    def empty(self) -> bool:
        """Tell whether there is none."""
        return not self._messages

    async def get(self) -> ASGIReceiveEvent:
        """Take the oldest message; wait for one."""
        await self._filled.wait()
        message = self._messages.pop(0)
        if not self._messages:
            self._filled.clear()
        return message


class LightFlowControl(FlowControl):
    """uvicorn's flow control, with a flag for its event."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_writable_event = SingleWaiterEvent()
        self._is_writable_event.set()
