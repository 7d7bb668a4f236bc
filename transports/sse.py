"""Server-Sent Events: the log streams out as text/event-stream; commands come by POST (gateway/api/generations.py)."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway.api.coalescing import PARAMETER, coalesce_parameter, parse_milliseconds
from gateway.api.context import principal, principal_of
from gateway.api.generations import start_generation
from gateway.api.requests import (
    STREAM_PATH,
    SentPosition,
    is_position_name,
    last_event_id,
    read_json,
    wants_events,
)
from gateway.api.responses import (
    STREAM_HEADERS,
    id_headers,
    no_content,
    refusal_response,
    start_headers,
)
from gateway.api.resumes import counted_resume
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.api.tickets import ticket_from_url
from gateway.generation.event_log import Entry
from gateway.generation.generation import Generation
from gateway.protocol.commands import StartRequest, parse
from gateway.protocol.errors import Code, Refused, forbidden, invalid
from gateway.protocol.event_stream import event_frame
from gateway.protocol.events import Accepted, Chunk
from gateway.protocol.position import REFUSED_POSITION, asked_seq, not_reached, parse_position, parse_position_of
from gateway.security.origins import has_origin_headers, is_browser
from transports.http_stream import StreamedResponse

RETRY_MS = 500
"""Delay before an EventSource reconnects (WHATWG HTML, 9.2.6, `retry`); browsers wait some seconds by default."""


class EventStream:
    """Framing as text/event-stream. Chunks have no `event:` line, so that `onmessage` receives them."""

    framing = transport = "sse"
    content_type = "text/event-stream"
    heartbeat = b": hb\n"

    says_retry = False
    """The next frame says after how many milliseconds an EventSource reconnects. That of `accepted` always does."""

    def frame(self, generation_id: str, entry: Entry) -> bytes:
        """Return the frame of one entry; its id is the position."""
        # All fields at once: each of them by name is a call.
        _, last, kind, data, _, _, _ = entry
        if kind is Chunk and not self.says_retry:
            # As `event_frame`, without a look for line breaks: the JSON of a text has none.
            return b"data: %b\nid: %b:%d\n\n" % (data, generation_id.encode(), last)
        position = b"%b:%d" % (generation_id.encode(), last)
        name = b"" if kind is Chunk else kind.type.encode()
        return event_frame(data, name, position, RETRY_MS if kind is Accepted or self.says_retry else None)


_EVENT_STREAM: Final = EventStream()


class EventStreamTransport:
    """`POST` and `GET /api/chat/stream`, and `GET /api/generations/{id}/events`."""

    name = "sse"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the routes by which clients connect."""
        endpoints = EventStreamEndpoints(services)
        return [
            # One route for both methods, so that `Allow` in a 405 names both.
            Route(STREAM_PATH, endpoints.start, methods=["POST", "GET"]),
            Route("/api/generations/{generation_id}/events", endpoints.attach, methods=["GET"]),
        ]


class EventStreamEndpoints:
    """The requests that start a generation, or come back to one, and the response that reads it."""

    transport = EventStream.transport

    def __init__(self, services: Services) -> None:
        self._services = services

    async def start(self, request: Request) -> Response | ASGIApp:
        """Start a generation and stream it, or resume one."""
        return await (self._start_by_post if request.scope["method"] == "POST" else self._start_by_get)(request)

    async def _start_by_post(self, request: Request) -> Response | ASGIApp:
        enter_stream(self._services, request)
        if (position := last_event_id(request)).text:
            return await self._resume(request, position)
        coalesce_ms = coalesce_parameter(request)
        body = await read_json(request, self._services)
        return await self._start(request, parse(StartRequest, body), coalesce_ms)

    async def _start_by_get(self, request: Request) -> Response | ASGIApp:
        try:
            _refuse_other_clients(request)
            if (position := last_event_id(request)).text:
                return await self._resume(request, position)
            enter_stream(self._services, request)
            generation_scope = principal(request).generation_scope
            if generation_scope is not None:
                # The ticket has started this generation: the browser reconnects before it received the first event.
                generation = await self._services.generations.find(generation_scope.generation_id, principal(request))
                return self._stream(request, generation, 0)
            _refuse_unknown_page(request)
            return await self._start(request, parse(StartRequest, _body_of_query(request.query_params)))
        except Refused as refused:
            if (ticket := ticket_from_url(request.scope)) is not None:
                await self._services.authenticator.restore_ticket(ticket)
            return refusal_response(refused, request)

    async def attach(self, request: Request) -> Response | ASGIApp:
        """Stream a generation that was started before."""
        try:
            generation_id, position = request.path_params["generation_id"], last_event_id(request)
            is_resume = position.text not in {"", REFUSED_POSITION}
            with counted_resume(self._services, self.transport, is_resume=is_resume):
                after = asked_seq(generation_id, position.text)
                if _watches(request) and not principal(request).observes:
                    raise forbidden("observe")
                generation = await self._services.generations.find(generation_id, principal(request), after)
                if request.method == "HEAD":
                    return Response(headers=STREAM_HEADERS, media_type=EventStream.content_type)
                return self._read(request, generation, position)
        except Refused as refused:
            if last_event_id(request).text == REFUSED_POSITION:
                return no_content(request)
            return refusal_response(refused, request)

    async def _start(self, request: Request, start: StartRequest, coalesce_ms: int | None = None) -> Response | ASGIApp:
        generation = await start_generation(self._services, request, start, transport=self.transport)
        if (ticket := ticket_from_url(request.scope)) is not None:
            await self._services.authenticator.record_start(ticket, generation.id)
        allowance = self._services.hub.allowance(principal_of(request.scope))
        headers = start_headers(request, generation, allowance)
        return self._stream(request, generation, 0, headers, coalesce_ms=coalesce_ms)

    async def _resume(self, request: Request, position: SentPosition) -> Response | ASGIApp:
        if position.text == REFUSED_POSITION:
            return no_content(request)
        with counted_resume(self._services, self.transport, is_resume=True):
            generation_id, after = parse_position(position.text, position.param)
            generation = await self._services.generations.find(generation_id, principal(request), after)
            return self._read(request, generation, position)

    def _read(self, request: Request, generation: Generation, position: SentPosition) -> Response | ASGIApp:
        """Stream what follows a position, or everything if it is empty."""
        if position.text == REFUSED_POSITION:
            return no_content(request)
        after = parse_position_of(generation.id, position.text, position.param) if position.text else 0
        if after > generation.log.last:
            raise not_reached(generation.id, after, generation.log.last, position.param)
        return self._stream(request, generation, after, coalesce_ms=coalesce_parameter(request))

    def _stream(
        self,
        request: Request,
        generation: Generation,
        after: int,
        headers: dict[str, str] | None = None,
        *,
        coalesce_ms: int | None = None,
    ) -> Response | ASGIApp:
        if generation.log.ended and after == generation.log.last:
            self._services.hub.observers.on_not_resumed(self.transport, "ended")
            return no_content(request)
        return self._response(request, generation, after, headers or id_headers(request, generation), coalesce_ms)

    def _response(
        self, request: Request, generation: Generation, after: int, headers: dict[str, str], coalesce_ms: int | None
    ) -> ASGIApp:
        parts = (self._services, _EVENT_STREAM, generation, after, headers)
        return StreamedResponse(*parts, watches=_watches(request), coalesce_ms=coalesce_ms)


def _watches(request: Request) -> bool:
    """Return True for an operator's look at a generation that exists, which is not to change how it runs."""
    return "generation_id" in request.scope["path_params"] and request.query_params.get("watch") == "true"


def _refuse_other_clients(request: Request) -> None:
    """Refuse clients that are not an EventSource: a GET must not start a generation by accident.

    Raises:
        Refused: `invalid_request`.
    """
    if not wants_events(request):
        message = "Accept: text/event-stream is missing: this route is for an EventSource; otherwise start by POST."
        raise invalid(message, param="Accept", status=406)


def _refuse_unknown_page(request: Request) -> None:
    """Refuse a GET that any page could have sent: the page can't read the response, but would start a generation.

    Raises:
        Refused: `forbidden`.
    """
    has_credential = principal(request).source != "address" or ticket_from_url(request.scope) is not None
    if not has_credential and is_browser(request.headers) and not has_origin_headers(request.headers):
        message = (
            "This browser does not send which page makes the request, as it does over HTTPS and on this machine: use "
            "HTTPS, start by POST, or present a ticket (POST /api/tickets)."
        )
        raise Refused(Code.FORBIDDEN, message, param="Origin")


def _body_of_query(given: Mapping[str, str]) -> dict[str, object]:
    """Return the body that a POST would have.

    Raises:
        Refused: a parameter is missing or unknown.
    """
    unknown = {name for name in given if not is_position_name(name)} - {"prompt", "model", "ticket", PARAMETER}
    if unknown:
        name = min(unknown)[:100]
        known = f"known are: prompt, model, ticket, {PARAMETER}"
        message = f"{name}: not a known parameter; {known}. To set other options, start by POST"
        raise invalid(message, param=name)
    if "prompt" not in given:
        message = "prompt: is missing; send it as ?prompt=…"
        raise invalid(message, param="prompt")
    body: dict[str, object] = {name: given[name] for name in ("prompt", "model") if name in given}
    if PARAMETER in given:
        body[PARAMETER] = parse_milliseconds(given[PARAMETER], PARAMETER)
    return body
