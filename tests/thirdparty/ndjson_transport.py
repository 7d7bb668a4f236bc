"""Newline-delimited JSON: a transport that somebody else could have written, in the forty lines it takes."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import principal
from gateway.api.requests import read_json, request_id
from gateway.api.responses import id_headers
from gateway.api.services import Services
from gateway.api.streams import enter_stream
from gateway.generation.event_log import Entry
from gateway.protocol.commands import StartRequest, parse
from transports.http_stream import StreamedResponse


class Lines:
    """How an entry becomes a line: its sequence number joins its JSON."""

    framing = transport = "ndjson"
    content_type = "application/x-ndjson"
    heartbeat = b"\n"

    def frame(self, _generation_id: str, entry: Entry) -> bytes:
        return b'{"seq":%d,%b\n' % (entry.last, entry.data[1:])


class NdjsonTransport:
    """`POST /api/chat/ndjson` starts, `GET /api/generations/{id}/lines?after=SEQ` attaches."""

    name = "ndjson"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        async def start(request: Request) -> Response | StreamedResponse:
            enter_stream(services, request)
            body = parse(StartRequest, await read_json(request, services))
            generation = await services.generations.start(
                body, request_id=request_id(request), principal=principal(request)
            )
            return StreamedResponse(services, Lines(), generation, 0, id_headers(request, generation))

        async def attach(request: Request) -> Response | StreamedResponse:
            after = int(request.query_params.get("after", "0"))
            name = request.path_params["generation_id"]
            generation = await services.generations.find(name, principal(request), after)
            return StreamedResponse(services, Lines(), generation, after, id_headers(request, generation))

        return [
            Route("/api/chat/ndjson", start, methods=["POST"]),
            Route("/api/generations/{generation_id}/lines", attach, methods=["GET"]),
        ]
