"""Notice that a client has left, and stop working for it."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive

T = TypeVar("T")


async def unless_disconnected(request: Request, work: Coroutine[None, None, T]) -> T | None:
    """Return the result of `work`; cancel it and return None if the client leaves before. Read the body first."""
    task, leaving = asyncio.create_task(work), asyncio.create_task(wait_for_disconnect(request.receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
        # The work has closed its connection to the provider when this returns.
        await asyncio.wait({task, leaving})


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has left; what it still sends before is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
