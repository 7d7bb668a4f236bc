"""Tickets over HTTP: the route that issues them, and how a request uses the ticket in its URL."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from gateway.api.context import ORIGIN, principal
from gateway.api.requests import STREAM_PATH, TEXT_PATH, last_event_id, read_json
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.protocol.commands import TicketRequest, parse
from gateway.security.principals import GenerationScope
from gateway.security.tickets import ReadAccess, TicketScope, TicketUse

START_PATHS: Final = frozenset({STREAM_PATH, TEXT_PATH})
"""Paths where a ticket in the URL may start a generation."""
_EVENTS: Final = re.compile(r"/api/generations/([^/]+)/(events|poll)")


class TicketRoute:
    """`POST /api/tickets`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Return the route."""
        return [Route("/api/tickets", self.issue, methods=["POST"])]

    async def issue(self, request: Request) -> Response:
        """Issue a ticket, bound to the origin of the page that requests it."""
        ticket_request = parse(TicketRequest, await read_json(request, self._services))
        owner = principal(request)
        if ticket_request.generation_id is not None:
            # Refuse now what the ticket could not open: a generation of someone else, or commands without the right.
            generations = self._services.generations
            find = generations.find_for_command if ticket_request.commands else generations.find
            await find(ticket_request.generation_id, owner)
        scope = _ticket_scope(ticket_request)
        ticket, expires = await self._services.authenticator.issue_ticket(owner, scope, request.scope[ORIGIN])
        expires_at = datetime.fromtimestamp(expires, UTC).isoformat(timespec="milliseconds")
        return json_response(request, {"ticket": ticket, "expires_at": expires_at}, 201)


def ticket_from_url(scope: Scope) -> str | None:
    """Return the ticket in a request's URL; None on routes that take none, and if `Authorization` is present."""
    if scope["method"] != "GET" or b"ticket=" not in scope["query_string"]:
        return None
    if scope["path"] not in START_PATHS and _EVENTS.fullmatch(scope["path"]) is None:
        return None
    request = Request(scope)
    return None if "authorization" in request.headers else request.query_params.get("ticket") or None


def requested_use(request: Request) -> TicketUse:
    """Return what a request uses its ticket for, on the routes that take one in the URL."""
    match = _EVENTS.fullmatch(request.scope["path"])
    is_poll = match is not None and match[2] == "poll"
    position = request.query_params.get("after", "") if is_poll else last_event_id(request).text
    if match is None:
        return ReadAccess(_generation_id(position), resume=True) if position else "start"
    return ReadAccess(match[1], resume=_generation_id(position) == match[1])


def _generation_id(position: str) -> str:
    return position.rpartition(":")[0]


def _ticket_scope(ticket_request: TicketRequest) -> TicketScope:
    if ticket_request.generation_id is not None:
        return GenerationScope(ticket_request.generation_id, ticket_request.commands)
    return ticket_request.scope or "socket"
