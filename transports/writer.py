"""How frames reach a client's socket: straight, where the server lends its writer, or else over ASGI's `send`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager


class SendingWriter:
    """The slow twin of a server's own writer: any ASGI server will do, for the price of a task and its wake-ups."""

    raw = False

    def __init__(self, send: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        self._send = send
        self._frames: Sequence[bytes] = ()
        self._came = asyncio.Event()
        self._on_drain: Callable[[], None]
        self._on_disconnect: Callable[[], None]

    def write(self, frames: Sequence[bytes]) -> bool:
        """Have them sent; there is room again when they are."""
        self._frames = frames
        self._came.set()
        return False

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """As `Writer.bind`."""
        self._on_drain, self._on_disconnect = on_drain, on_disconnect

    def abort(self) -> None:
        """Do nothing: a server breaks off by itself what its application left without an end."""

    async def run(self) -> None:
        """Send what comes."""
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                await self._send(self._frames)
                self._on_drain()
        finally:
            self._on_disconnect()


@asynccontextmanager
async def sending(
    send: Callable[[Sequence[bytes]], Awaitable[None]], *beside: Callable[[], Awaitable[None]]
) -> AsyncIterator[SendingWriter]:
    """Lend the slow twin, while its task runs, and others beside it that end when the client is gone."""
    writer = SendingWriter(send)
    tasks = [asyncio.ensure_future(run()) for run in (writer.run, *beside)]
    try:
        yield writer
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        # An OSError is how `send` tells that the client is gone.
        if isinstance(error, Exception) and not isinstance(error, OSError):
            raise error
