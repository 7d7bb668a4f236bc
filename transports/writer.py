"""Write frames over ASGI's `send`, for servers without a direct writer; see `gateway.asgi.Writer`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager


class SendingWriter:
    """A writer for any ASGI server, for the price of a task and its wake-ups: the reference for direct writers."""

    raw = False

    def __init__(self, send: Callable[[Sequence[bytes]], Awaitable[None]]) -> None:
        self._send = send
        self._frames: Sequence[bytes] = ()
        self._has_frames = asyncio.Event()
        self._on_drain: Callable[[], None]
        self._on_disconnect: Callable[[], None]

    def write(self, frames: Sequence[bytes]) -> bool:
        """Queue frames; return False, since more can be written only after they are sent."""
        self._frames = frames
        self._has_frames.set()
        return False

    def unsent_bytes(self) -> int:
        """Return 0: ASGI does not tell."""
        return 0

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Implement `Writer.bind`."""
        self._on_drain, self._on_disconnect = on_drain, on_disconnect

    def abort(self) -> None:
        """Do nothing: a server aborts a response that its application left without an end."""

    def cut(self) -> None:
        """Do nothing, for the same reason."""

    async def run(self) -> None:
        """Send what is written, until the client is gone or the task is cancelled."""
        try:
            while True:
                await self._has_frames.wait()
                self._has_frames.clear()
                await self._send(self._frames)
                self._on_drain()
        finally:
            self._on_disconnect()


@asynccontextmanager
async def sending(
    send: Callable[[Sequence[bytes]], Awaitable[None]], *others: Callable[[], Awaitable[None]]
) -> AsyncIterator[SendingWriter]:
    """Yield a writer while its task runs, together with the tasks of `others`; all are cancelled at the end."""
    writer = SendingWriter(send)
    tasks = [asyncio.ensure_future(run()) for run in (writer.run, *others)]
    try:
        yield writer
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        # `send` raises an OSError when the client is gone (ASGI, HTTP, "Disconnected client").
        if isinstance(error, Exception) and not isinstance(error, OSError):
            raise error
