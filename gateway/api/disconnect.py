"""Notice that a client has left, and stop working for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope

from gateway.asgi import direct_writer

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


def watch_disconnect(scope: Scope, receive: Receive, on_disconnect: Callable[[], None]) -> asyncio.Task[None] | None:
    """Call `on_disconnect` when the client has left. Read the body first.

    Return the task that waits for it, which the caller must cancel; None where the server itself calls.
    """
    if (writer := direct_writer(scope)) is not None:
        writer.bind(_ignore_drain, on_disconnect)
        return None
    leaving = asyncio.create_task(wait_for_disconnect(receive))
    leaving.add_done_callback(lambda _task: on_disconnect())
    return leaving


def _ignore_drain() -> None:
    """Do nothing: nothing is written yet."""


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has left; what it still sends before is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
