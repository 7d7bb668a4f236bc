"""A generation as an HTTP resource: start it, read its snapshot, and command it where the transport is one-way."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.context import ORIGIN, headers_of, principal, principal_of
from gateway.api.interrupts import counted_interrupt
from gateway.api.requests import idempotency_key, read_json, request_id
from gateway.api.responses import id_headers, json_response, start_headers
from gateway.api.services import Services
from gateway.api.start_source import dialect_name, source_of
from gateway.dialects.sent_request import SentRequest
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.protocol.events import Terminal
from gateway.protocol.position import format_position
from gateway.security.principals import GenerationScope, Principal
from gateway.telemetry.summary import summarize_attempt
from gateway.upstreams.base import VerbatimRequest


class GenerationResource:
    """`/api/generations`, `GET /api/generations/{id}`, and the commands to a generation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes whose requests count as commands; see `interrupt_route` for the other one."""
        return [
            Route("/api/generations", self.list_or_start, methods=["GET", "POST"]),
            Route("/api/generations/{generation_id}", self.snapshot, methods=["GET"]),
            Route("/api/generations/{generation_id}/feedback", self.feedback, methods=["POST"]),
        ]

    def interrupt_route(self) -> BaseRoute:
        """Return the route that counts its requests itself."""
        return Route("/api/generations/{generation_id}/interrupt", self.interrupt, methods=["POST"])

    async def list_or_start(self, request: Request) -> Response:
        """List the running generations, or start one."""
        return await (self._start if request.method == "POST" else self._list)(request)

    async def _list(self, request: Request) -> Response:
        """List the generations that run, so that those of clients that show no id can be watched and interrupted."""
        found = [
            {"id": generation.id, "state": generation.state, "model": generation.model, "created": generation.created}
            for generation in await self._services.generations.running_for(principal(request))
        ]
        return json_response(request, {"generations": found})

    async def _start(self, request: Request) -> Response:
        """Start a generation without reading it; the response contains the URLs to read and command it."""
        start_request = parse(StartRequest, await read_json(request, self._services))
        owner = principal(request)
        generation = await start_generation(self._services, request, start_request, transport="http")
        path = f"/api/generations/{generation.id}"
        urls = {
            "events": f"{path}/events",
            "poll": f"{path}/poll",
            "socket": "/api/ws",
            "interrupt": f"{path}/interrupt",
            "feedback": f"{path}/feedback",
        }
        body: dict[str, object] = {"id": generation.id, "state": generation.state, "urls": urls}
        headers = {"Location": path, **start_headers(request, generation, self._services.hub.allowance(owner))}
        if (ticket := await self._issue_ticket(generation, owner, request.scope[ORIGIN])) is not None:
            body["ticket"] = ticket
        return json_response(request, body, 201, headers)

    async def _issue_ticket(self, generation: Generation, owner: Principal, origin: str) -> str | None:
        """Return a ticket that reads a new generation; None if no ticket is needed, or too many are unused."""
        if self._services.authenticator.allows_anonymous:
            return None
        try:
            ticket, _ = await self._services.authenticator.issue_ticket(owner, GenerationScope(generation.id), origin)
        except Refused:
            # The generation has started, so the start must not be refused; the page can request a ticket later.
            return None
        return ticket

    async def snapshot(self, request: Request) -> Response:
        """Return the state of a generation and its text so far."""
        generation = await self._services.generations.find(request.path_params["generation_id"], principal(request))
        return json_response(
            request, snapshot(generation, self._services.clock.now()), headers=id_headers(request, generation)
        )

    async def interrupt(self, request: Request) -> Response:
        """Interrupt a generation; see `counted_interrupt`."""
        read_at, sender = self._services.clock.now(), principal(request)
        generation_id = request.path_params["generation_id"]
        async with counted_interrupt(self._services, generation_id, sender, read_at) as count:
            body = parse(InterruptRequest, await read_json(request, self._services, empty={}))
            generation, count.stopped = await self._services.generations.interrupt(generation_id, body, read_at, sender)
        response = {"id": generation.id, "state": generation.state, "seq": generation.log.last}
        return json_response(request, response, 202, id_headers(request, generation))

    async def feedback(self, request: Request) -> Response:
        """Record feedback on a generation."""
        read_at = self._services.clock.now()
        body = parse(FeedbackRequest, await read_json(request, self._services))
        generation, feedback_id = await self._services.generations.feedback(
            request.path_params["generation_id"], body, read_at, principal(request)
        )
        response = {"feedback_id": feedback_id, "state": generation.state}
        return json_response(request, response, 202, id_headers(request, generation))


async def start_generation(
    services: Services,
    request: Request,
    start_request: StartRequest,
    verbatim: VerbatimRequest | None = None,
    sent: SentRequest | None = None,
    retention: float = 0.0,
    *,
    transport: str,
    with_defaults: bool = True,
) -> Generation:
    """Start a generation for the principal of a request, under the request's id and idempotency key.

    `transport` is the name of that by which the response is sent, `http` for one that is no stream of events.
    `verbatim`, `sent`, `retention` and `with_defaults` are those of `Hub.start`.

    Raises:
        Refused: `Generations.start` refuses it, or the idempotency key is not valid.
    """
    headers = headers_of(request.scope)
    try:
        return await services.generations.start(
            start_request,
            request_id=request_id(request),
            principal=principal_of(request.scope),
            source=source_of(headers, transport, dialect_name(request)),
            idempotency_key=idempotency_key(headers),
            verbatim=verbatim,
            sent=sent,
            retention=retention,
            with_defaults=with_defaults,
        )
    except Refused as refused:
        if refused.param == "idempotency_key":
            # The name of the field of a WebSocket's command.
            refused.param = "Idempotency-Key"
        raise


def snapshot(generation: Generation, now: float) -> dict[str, object]:
    """Return the snapshot of a generation; `now` is a time of the gateway's clock, in seconds."""
    return {
        "id": generation.id,
        "state": generation.state,
        "model": generation.model,
        "provider": generation.provider,
        "revision": generation.revision,
        "seq": generation.log.last,
        "position": format_position(generation.id, generation.log.last),
        "text": generation.log.text(),
        "usage": generation.usage(),
        "cost_usd": generation.cost(),
        "metrics": generation.metrics(now),
        "feedback": generation.notes,
        "metadata": generation.metadata,
        "attempts": [_attempt_snapshot(attempt, generation.moments(0)[0]) for attempt in generation.attempts],
        "end": None if generation.end is None else _end_snapshot(generation.end),
    }


def _attempt_snapshot(attempt: Attempt, accepted_at: float) -> dict[str, object]:
    used = attempt.used()
    summary = summarize_attempt(attempt, used, attempt.cost_of(used), accepted_at)
    return {
        "attempt": summary.number,
        "revision": summary.revision,
        "provider": summary.provider,
        "upstream_model": summary.upstream_model,
        "ended": attempt.ended,
        "usage": summary.usage,
        "cost_usd": summary.cost_usd,
        "start_ms": summary.start_ms,
        "open_ms": summary.open_ms,
        "first_content_ms": summary.first_content_ms,
        "duration_ms": summary.duration_ms,
    }


def _end_snapshot(end: Terminal) -> dict[str, object]:
    """Return how a generation ended; its usage, cost and metrics are in the snapshot itself."""
    names = ("finish_reason", "by", "reason", "code", "message")
    return {"type": end.type, **{name: getattr(end, name, None) for name in names}}
