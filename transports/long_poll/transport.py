"""Long polls: each response has the events after a position, for networks that let no stream pass.

A request waits until there is an event, and a proxy may buffer its response: it has a length, and ends. The client
starts by `POST /api/generations`, commands by POST, and polls again from the position that each response names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.coalescing import PARAMETER, coalesce_parameter
from gateway.api.context import principal
from gateway.api.responses import document_headers, id_headers
from gateway.api.resumes import counted_resume
from gateway.api.services import Services
from gateway.generation.generation import Generation
from gateway.protocol.errors import invalid
from gateway.protocol.position import asked_seq, not_reached, parse_position_of
from transports.long_poll.pollers import TRANSPORT, Pollers
from transports.long_poll.response import PollResponse

PARAMETERS = ("after", "wait", PARAMETER, "ticket")


@dataclass(frozen=True, slots=True)
class PollQuery:
    """What one poll asks for: the events after a sequence number; how long to wait for them, in seconds.

    `coalesce_ms` is for how long text is joined, None if it does not say.
    """

    after: int
    wait: float
    coalesce_ms: int | None


class LongPollTransport:
    """`GET /api/generations/{id}/poll`."""

    name = "poll"

    def routes(self, services: Services) -> Sequence[BaseRoute]:
        """Return the route by which clients poll."""
        pollers = Pollers(services)
        services.hub.on_close(pollers.close)
        services.hub.departures.add(pollers.depart)

        async def poll(request: Request) -> Response | PollResponse:
            generation_id = request.path_params["generation_id"]
            position = request.query_params.get("after", "")
            with counted_resume(services, TRANSPORT, is_resume=position not in {"", "0"}):
                after = asked_seq(generation_id, position)
                generation = await services.generations.find(generation_id, principal(request), after)
                query = parse_query(request, generation, services.poll_wait)
            headers = {**document_headers(request), **id_headers(request, generation)}
            if request.method == "HEAD":
                return Response(headers=headers, media_type="application/json")
            parts = (services, pollers, generation, query.after, query.wait, headers)
            return PollResponse(*parts, coalesce_ms=query.coalesce_ms)

        return [Route("/api/generations/{generation_id}/poll", poll, methods=["GET"])]


def parse_query(request: Request, generation: Generation, max_wait: float) -> PollQuery:
    """Read the parameters of a poll.

    Raises:
        Refused: `invalid_request`: one is unknown or not valid, or the position is not reached yet.
    """
    given = request.query_params
    for name in given:
        if name not in PARAMETERS:
            message = f"{name[:100]}: not a known parameter; known are: {', '.join(PARAMETERS)}"
            raise invalid(message, param=name[:100])
    after = _parse_after(generation, given.get("after", ""))
    if after > generation.log.last:
        raise not_reached(generation.id, after, generation.log.last, "after")
    return PollQuery(after, min(_parse_wait(given.get("wait")), max_wait), coalesce_parameter(request))


def _parse_after(generation: Generation, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    return parse_position_of(generation.id, text, "after") if text else 0


def _parse_wait(text: str | None) -> float:
    if text is None:
        return float("inf")
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(text) <= 15):
        message = f"wait: {text[:20]!r} is not a number of seconds, such as 25 or 0.5"
        raise invalid(message, param="wait")
    return float(text)
