"""Tickets over HTTP: the route that makes them, and what a request with one in its URL asks for."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from gateway.api.context import ORIGIN, principal
from gateway.api.requests import read_json
from gateway.api.responses import json_response
from gateway.api.services import Services
from gateway.protocol.commands import TicketRequest, parse
from gateway.security.principals import GenerationScope
from gateway.security.tickets import ReadAccess, TicketScope, TicketUse

START_PATH: Final = "/api/chat/stream"
_EVENTS: Final = re.compile(r"/api/generations/([^/]+)/events")


class TicketRoute:
    """`POST /api/tickets`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> Sequence[BaseRoute]:
        """Give the route by which clients come."""
        return [Route("/api/tickets", self.issue, methods=["POST"])]

    async def issue(self, request: Request) -> Response:
        """Make a ticket for the page that asks, or the program."""
        wanted = parse(TicketRequest, await read_json(request, self._services.max_body_bytes))
        asking = principal(request)
        if wanted.generation_id is not None:
            hub = self._services.hub
            (hub.find_for_command if wanted.commands else hub.find)(wanted.generation_id, asking)
        ticket, until = self._services.authenticator.issue_ticket(asking, _scope(wanted), request.scope[ORIGIN])
        answer = {"ticket": ticket, "expires_at": datetime.fromtimestamp(until, UTC).isoformat(timespec="milliseconds")}
        return json_response(request, answer, 201)


def ticket_from_url(scope: Scope) -> str | None:
    """Give the ticket in a request's URL, if it is one that may have one there, and shows nothing better."""
    if scope["method"] != "GET" or b"ticket=" not in scope["query_string"]:
        return None
    if scope["path"] != START_PATH and _EVENTS.fullmatch(scope["path"]) is None:
        return None
    request = Request(scope)
    return None if "authorization" in request.headers else request.query_params.get("ticket") or None


def requested_use(request: Request) -> TicketUse:
    """Tell what a ticket is shown for, on the two routes that take one in the URL."""
    position = request.headers.get("last-event-id")
    found = _EVENTS.fullmatch(request.scope["path"])
    if found is None:
        return ReadAccess(_named(position), resume=True) if position else "start"
    position = position or request.query_params.get("last_event_id", "")
    return ReadAccess(found[1], resume=_named(position) == found[1])


def _named(position: str) -> str:
    return position.rpartition(":")[0]


def _scope(wanted: TicketRequest) -> TicketScope:
    if wanted.generation_id is not None:
        return GenerationScope(wanted.generation_id, wanted.commands)
    return wanted.scope or "socket"
