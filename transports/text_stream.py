"""The stream for readers that know nothing but text: the events of `transports.sse` without those about the answer."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway.api.requests import TEXT_PATH
from gateway.api.responses import id_headers
from gateway.api.services import Services
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.protocol.events import TERMINAL, Chunk, Gap, Revision
from transports.awaited_response import AwaitedResponse
from transports.http_stream import StreamedResponse
from transports.sse import EventStream, EventStreamEndpoints

_SHOWN: Final = frozenset({Chunk, Revision, Gap, *TERMINAL})


class TextFraming(EventStream):
    """Framing of one response. Its first event has `retry:`, since some clients take a block without data for one."""

    framing = ""
    transport = "text"

    def __init__(self) -> None:
        self.says_retry = True

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the frame of one entry; its id is the position."""
        if entry.kind not in _SHOWN:
            return b""
        frame = super().frame(generation_id, entry)
        self.says_retry = False
        return frame


class TextResponse(AwaitedResponse):
    """The response to one request, which reads a generation after a sequence number.

    Its head is short: what is left of the rate limit is nothing to a reader of text, before it is refused.
    """

    def __init__(
        self, services: Services, generation: Generation, request: Request, after: int, coalesce_ms: int | None
    ) -> None:
        super().__init__(services, generation, request)
        self._after = after
        self._coalesce_ms = coalesce_ms

    def _response(self) -> ASGIApp:
        parts = (self._services, TextFraming(), self._generation, self._after, self._headers())
        return StreamedResponse(*parts, coalesce_ms=self._coalesce_ms)

    def _is_ready(self) -> bool:
        # After feedback a generation has no content for a while, but its readers have the text before.
        return super()._is_ready() or any(entry.kind is Chunk for entry in self._generation.log.since(0))

    def _headers(self) -> Mapping[str, str]:
        return id_headers(self._request, self._generation)


class TextStreamTransport:
    """`POST` and `GET /api/chat/text`. A position is that of every other transport, so a client may change to one."""

    name = "text"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the route by which clients connect."""
        return [Route(TEXT_PATH, _TextEndpoints(services).start, methods=["POST", "GET"])]


class _TextEndpoints(EventStreamEndpoints):
    transport = TextFraming.transport

    def _response(
        self, request: Request, generation: Generation, after: int, _headers: dict[str, str], coalesce_ms: int | None
    ) -> ASGIApp:
        return TextResponse(self._services, generation, request, after, coalesce_ms)
