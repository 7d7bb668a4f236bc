"""A streamed HTTP response that is a viewer: what every transport over plain HTTP shares."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.types import Receive, Scope, Send

from gateway.generation import Generation
from gateway.log import Entry
from transports.base import Services, Viewing
from transports.http import STREAM_HEADERS
from transports.writer import Writer, lent, sending


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
        self._services = services
        self._headers = {
            **STREAM_HEADERS,
            "Content-Type": framing.content_type,
            **headers,
        }
        self._heartbeat = framing.heartbeat
        self._generation = generation
        self._after = after
        self._over: asyncio.Future[None]
        self.write: Callable[[Sequence[bytes]], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the terminal event is written or the client is gone."""
        self._over = asyncio.get_running_loop().create_future()
        viewing = Viewing(self._services, self, self._end, until_over=True)
        try:
            viewing.attach(self._generation.id, self._after)
            await send({"type": "http.response.start", "status": 200, "headers": _encoded(self._headers)})
            writer = lent(scope)
            if writer is not None:
                await self._view(viewing, writer)
            else:

                async def send_body(frames: Sequence[bytes]) -> None:
                    await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

                async def leave() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    viewing.stop()

                async with sending(send_body, leave) as slow:
                    await self._view(viewing, slow)
            if viewing.failure is not None:
                raise viewing.failure
            if viewing.finished:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            viewing.close()

    def beat(self) -> bool:
        """Send what a client skips."""
        return self.write((self._heartbeat,))

    async def _view(self, viewing: Viewing, writer: Writer) -> None:
        self.write = writer.write
        writer.listen(viewing.resume, viewing.stop)
        viewing.begin()
        await self._over

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
