"""Stop working for a client that has left."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive

T = TypeVar("T")


async def unless_disconnected(request: Request, work: Coroutine[None, None, T]) -> T | None:
    """Return the result of `work`; cancel it and return None if the client leaves before. Read the body first."""
    task, leaving = asyncio.create_task(work), asyncio.create_task(_disconnect(request.receive))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
        # The work has closed its connection to the provider when this returns.
        await asyncio.wait({task, leaving})


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
