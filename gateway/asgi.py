"""The ASGI extensions between our server, the application and the transports.

Our own server (`gateway.server`) offers the *direct writer*: a transport writes frames straight to the socket instead
of through ASGI's `send`. On a WebSocket it drops a message beyond its limits and says so (`REFUSED`). Our own
application (`gateway.app.factory`) offers *deferred serving*: a transport begins a response inside Starlette and serves
it after Starlette has returned. Under another server or application they are missing, and transports work without them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from starlette.types import Receive, Scope, Send

from gateway.admission.prompts import PromptReservation
from gateway.admission.streams import Stream

WRITER_EXTENSION: Final = "dualstream.writer"
"""Name of the direct writer among the `extensions` of an ASGI scope."""

REFUSED: Final = "dualstream.refused"
"""Key, in a `websocket.receive` event, of why the message was dropped, a `Refused`. `text` is its beginning."""

DEFERRED: Final = "dualstream.deferred"
"""Key of the `DeferredServe` in an ASGI scope."""

Serve = Callable[[Receive, Send], Awaitable[None]]


class Writer(Protocol):
    """Writes frames to one client without waiting."""

    raw: bool
    """Frames go to the socket as they are: a WebSocket's must be complete, header included."""

    def write(self, frames: Sequence[bytes]) -> bool:
        """Write frames; return False if the client is slow, and no more should come before `on_drain` is called."""
        ...

    def unsent_bytes(self) -> int:
        """Return how much of what was written the client has not taken; always 0 if that is not known."""
        ...

    def bind(self, on_drain: Callable[[], None], on_disconnect: Callable[[], None]) -> None:
        """Register what to call when a slow client accepts more, and when it is gone."""
        ...

    def abort(self) -> None:
        """Abort the connection, so that what was written can't pass for a complete response."""
        ...

    def cut(self) -> None:
        """Close the connection after what was written, so that the response is seen to be incomplete, and is read."""
        ...


class MessageReader(Protocol):
    """A direct writer that also bounds what it receives: a WebSocket's."""

    def limit_messages(self, max_bytes: int, reservation: PromptReservation) -> None:
        """Drop messages of more than `max_bytes`, or for which `reservation` has no memory; see `REFUSED`.

        The reservation counts what was received of a message that is not complete.
        """
        ...


def direct_writer(scope: Scope) -> Writer | None:
    """Return the server's own writer; None under another server."""
    writer: Writer | None = scope.get("extensions", {}).get(WRITER_EXTENSION)
    return writer


def message_reader(writer: Writer) -> MessageReader | None:
    """Return a direct writer that also bounds what it receives as such; None if it does not."""
    # Not by `isinstance`, which reads the members of a protocol each time.
    return cast("MessageReader", writer) if hasattr(writer, "limit_messages") else None


@dataclass(eq=False, slots=True)
class DeferredServe:
    """What remains to be done for one client. The application sets it in the scope, runs `serve`, releases `stream`."""

    serve: Serve | None = None
    stream: Stream | None = None


async def defer(scope: Scope, receive: Receive, send: Send, serve: Serve) -> None:
    """Run `serve` after the frames, closures and middleware that led here have returned.

    Kept until the end of a stream, they would take more memory than the rest of it. Without a `DeferredServe` in the
    scope, `serve` runs now.
    """
    deferred: DeferredServe | None = scope.get(DEFERRED)
    if deferred is None:
        await serve(receive, send)
    else:
        deferred.serve = serve
