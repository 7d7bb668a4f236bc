"""A streamed HTTP response that is a viewer: what every transport over plain HTTP shares."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from gateway.api.context import principal_of
from gateway.api.responses import STREAM_HEADERS
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.asgi import Writer, defer, direct_writer
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from transports.viewer import Viewer
from transports.writer import sending


class Framing(Protocol):
    """How events are spelled in a body; `heartbeat` is what a client skips."""

    framing: str
    content_type: str
    heartbeat: bytes

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Frame one entry; its JSON is encoded already."""
        ...


class StreamedResponse:
    """One viewer: an ASGI application of a single answer. `headers` are added to those of every stream.

    The body ends with the terminal event. If it has to end before, because the client does not read it, it is left
    without its end: what is seen then is a broken connection, not a finished answer.
    """

    def __init__(
        self,
        services: Services,
        framing: Framing,
        generation: Generation,
        after: int,
        headers: Mapping[str, str],
    ) -> None:
        self.framing = framing.framing
        self.frame = framing.frame
        self._headers = {
            **STREAM_HEADERS,
            "Content-Type": framing.content_type,
            **headers,
        }
        self._heartbeat = framing.heartbeat
        self._generation = generation
        self._after = after
        self._services = services
        self._viewer = Viewer(services, self, self._end, close_at_end=True)
        self._over: asyncio.Future[None]
        self._writer: Writer | None
        self.write: Callable[[Sequence[bytes]], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the answer; see `defer` for the rest of it.

        Raises:
            Refused: `rate_limit`, where it was not asked for before (`enter_stream`), or `generation_lost`.
        """
        enter_stream(self._services, HTTPConnection(scope))
        try:
            self._viewer.attach(self._generation.id, self._after, principal_of(scope))
            await send({"type": "http.response.start", "status": 200, "headers": _encoded(self._headers)})
        except BaseException:
            self._viewer.close()
            raise
        self._headers = {}
        self._writer = direct_writer(scope)
        await defer(scope, receive, send, self._serve)

    async def _serve(self, receive: Receive, send: Send) -> None:
        """Stream until the terminal event is written or the client is gone."""
        viewer = self._viewer
        # It holds this as its connection: together they would be a circle, which nobody would free soon.
        del self._viewer
        try:
            if self._writer is not None:
                await self._view(viewer, self._writer)
            else:
                await self._view_slowly(viewer, receive, send)
            if viewer.failure is not None:
                raise viewer.failure
            if viewer.finished:
                await send({"type": "http.response.body", "body": b"".join(viewer.final_frames), "more_body": False})
            elif self._writer is not None:
                self._writer.abort()
        finally:
            viewer.close()

    def send_heartbeat(self) -> bool:
        """Send what a client skips."""
        return self.write((self._heartbeat,))

    async def _view(self, viewer: Viewer, writer: Writer) -> None:
        self._over = asyncio.get_running_loop().create_future()
        self.write = writer.write
        writer.bind(viewer.resume, viewer.stop)
        viewer.begin()
        await self._over

    async def _view_slowly(self, viewer: Viewer, receive: Receive, send: Send) -> None:
        async def send_body(frames: Sequence[bytes]) -> None:
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            viewer.stop()

        async with sending(send_body, leave) as writer:
            await self._view(viewer, writer)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
