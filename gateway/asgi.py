"""The two ASGI extensions: the server's direct writer, and deferred serving."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Receive, Scope, Send

from gateway.admission.streams import Stream

Serve = Callable[[Receive, Send], Awaitable[None]]


DEFERRED = "dualstream.serving"
"""Where in the scope there is a `DeferredServe` for a transport to fill in."""


@dataclass(eq=False, slots=True)
class DeferredServe:
    """One client's. Whoever puts it into the scope runs `serve` and lets `stream` leave, whatever becomes of it."""

    serve: Serve | None = None
    stream: Stream | None = None


async def defer(scope: Scope, receive: Receive, send: Send, serve: Serve) -> None:
    """Have `serve` run when the frames, closures and middleware that led here have returned.

    Kept to a stream's end, they would take more memory than the rest of it. Where nobody sees to that, it runs now.
    """
    serving: DeferredServe | None = scope.get(DEFERRED)
    if serving is None:
        await serve(receive, send)
    else:
        serving.serve = serve


WRITER_EXTENSION = "dualstream.writer"
"""The ASGI extension by which our own server lends its writer (gateway/server/)."""


class Writer(Protocol):
    """Takes frames for one client, without waiting."""

    raw: bool
    """Frames go over the wire as they are: a WebSocket's are to be whole, header and all."""

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write them; False when the client is slow, and no more should come until `on_drain` is called."""
        ...

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Have these called when a slow client takes in more, and when it is gone."""
        ...

    def abort(self) -> None:
        """Break the connection off, so that what was written is not taken for all there is."""
        ...


def direct_writer(scope: Scope) -> Writer | None:
    """Give the server's own writer, if it lends one."""
    writer: Writer | None = scope.get("extensions", {}).get(WRITER_EXTENSION)
    return writer
