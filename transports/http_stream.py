"""A streamed HTTP response that is a viewer: what every transport over plain HTTP shares."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from gateway.api.context import principal_of
from gateway.api.disconnect import wait_for_disconnect
from gateway.api.responses import STREAM_HEADERS
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.asgi import Writer, defer, direct_writer
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from transports.viewer import Viewer
from transports.writer import sending


class Framing(Protocol):
    """The frame format of a body; clients skip `heartbeat`."""

    framing: str
    transport: str
    content_type: str
    heartbeat: bytes

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the frame of one entry, whose JSON is encoded already."""
        ...


class StreamedResponse:
    """One viewer, as an ASGI application of a single response. `headers` are added to those of every stream.

    `watches` is that of `Viewer`, `coalesce_ms` that of `Viewer.attach`.

    The body ends with the terminal event. If it must end earlier, because the client does not read it, it is left
    without its last chunk (RFC 9112, 7.1), so that the client sees a broken connection and not a finished answer.
    """

    resumes = True
    """Its client comes back by itself after a lost connection: it is sent to another gateway when this one drains."""

    __slots__ = (
        *("_after", "_coalesce_ms", "_departs", "_generation", "_headers", "_heartbeat", "_services", "_stopped"),
        *("_viewer", "_writer", "frame", "framing", "transport", "unsent_bytes", "write"),
    )

    def __init__(
        self,
        services: Services,
        framing: Framing,
        generation: Generation,
        after: int,
        headers: Mapping[str, str],
        *,
        watches: bool = False,
        coalesce_ms: int | None = None,
    ) -> None:
        self.framing, self.transport = framing.framing, framing.transport
        self.frame = framing.frame
        self._headers = {
            **STREAM_HEADERS,
            "Content-Type": framing.content_type,
            **headers,
        }
        self._heartbeat = framing.heartbeat
        self._generation = generation
        self._after = after
        self._coalesce_ms = coalesce_ms
        self._services = services
        self._viewer = Viewer(services, self, self._on_viewer_stop, close_at_end=True, watches=watches)
        self._departs = False
        self._stopped: asyncio.Future[None]
        self._writer: Writer | None
        self.write: Callable[[Sequence[bytes]], bool]
        self.unsent_bytes: Callable[[], int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers, and defer the body; see `gateway.asgi.defer`.

        Raises:
            Refused: `rate_limit`, unless the caller has entered the stream before (`enter_stream`); `generation_lost`,
                also if the principal of the request may not read the generation.
        """
        connection = HTTPConnection(scope)
        enter_stream(self._services, connection)
        # The caller should have found the generation by `Generations.find`, after which this process has it. One that
        # forgot it must not show what is another's.
        self._services.hub.find(self._generation.id, principal_of(scope))
        try:
            self._viewer.attach(self._generation, self._after, self._coalesce_ms)
            await send({"type": "http.response.start", "status": 200, "headers": _encode_headers(self._headers)})
        except BaseException:
            self._viewer.close()
            raise
        self._headers = {}
        self._writer = direct_writer(scope)
        await defer(scope, receive, send, self._serve)

    async def _serve(self, receive: Receive, send: Send) -> None:
        """Stream until the terminal event is written or the client is gone."""
        viewer = self._viewer
        # The viewer holds this response as its connection: a reference cycle.
        del self._viewer
        departures = self._services.hub.departures
        if self.resumes:
            departures.add(self._depart)
        try:
            if self._writer is not None:
                await self._view(viewer, self._writer)
            else:
                await self._view_over_send(viewer, receive, send)
            if viewer.failure is not None:
                raise viewer.failure
            if viewer.finished:
                await self._end(viewer.final_frames, send)
            elif self._writer is not None:
                self._leave(self._writer)
        finally:
            departures.remove(self._depart)
            viewer.close()

    def _depart(self) -> None:
        self._departs = True
        self._on_viewer_stop()

    async def _end(self, frames: Sequence[bytes], send: Send) -> None:
        """Write the last frames, and end the body."""
        await send({"type": "http.response.body", "body": b"".join(frames), "more_body": False})

    def _leave(self, writer: Writer) -> None:
        """End the connection before the terminal event."""
        if self._departs:
            # Its client reads what was written, and goes on after that.
            writer.cut()
        else:
            writer.abort()

    def send_heartbeat(self) -> bool:
        """Write what clients skip."""
        return self.write((self._heartbeat,))

    def _view(self, viewer: Viewer, writer: Writer) -> asyncio.Future[None]:
        """Begin to view; return what ends with that. A coroutine's frame would be kept for as long as it lasts."""
        self._stopped = asyncio.get_running_loop().create_future()
        self.write, self.unsent_bytes = writer.write, writer.unsent_bytes
        writer.bind(viewer.resume, viewer.leave)
        viewer.begin()
        return self._stopped

    async def _view_over_send(self, viewer: Viewer, receive: Receive, send: Send) -> None:
        async def send_body(frames: Sequence[bytes]) -> None:
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

        async def stop_at_disconnect() -> None:
            await wait_for_disconnect(receive)
            viewer.leave()

        async with sending(send_body, stop_at_disconnect) as writer:
            await self._view(viewer, writer)

    def _on_viewer_stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)


def _encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(_encode_name(name), value.encode("latin-1")) for name, value in headers.items()]


@lru_cache(maxsize=64)
def _encode_name(name: str) -> bytes:
    """Return the name of a header in lower case. The gateway knows all of them, and they are few."""
    return name.lower().encode("latin-1")
