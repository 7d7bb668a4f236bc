"""A streamed HTTP response that is a viewer: what every transport over plain HTTP shares."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.types import Receive, Scope, Send

from gateway.generation import Generation
from gateway.log import Entry
from transports.base import Services, Viewing
from transports.http import STREAM_HEADERS


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
        self._send: Send

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the terminal event is written or the client is gone."""
        self._send = send
        viewing = Viewing(self._services, self)
        try:
            viewing.attach(self._generation.id, self._after)
            await send({"type": "http.response.start", "status": 200, "headers": _encoded(self._headers)})
            leaving = asyncio.create_task(_gone(receive))
            leaving.add_done_callback(lambda _: viewing.stop())
            try:
                if await viewing.run(until_over=True):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
        finally:
            viewing.close()

    async def write(self, frames: Sequence[bytes]) -> None:
        """Send whole frames in one piece of body."""
        await self._send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

    async def beat(self) -> None:
        """Send what a client skips."""
        await self._send({"type": "http.response.body", "body": self._heartbeat, "more_body": True})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _gone(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
