"""All routes of the gateway: those of the API, and those of the transports."""

from collections.abc import Iterable, Sequence
from itertools import filterfalse

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from gateway.api.admin.administration import Administration
from gateway.api.admin.routes import admin_routes
from gateway.api.console.routes import ConsoleRoutes
from gateway.api.demo_page import page_routes
from gateway.api.generations import GenerationResource
from gateway.api.metrics import MetricsRoute
from gateway.api.middleware.command_rate import is_read_route, rate_limited
from gateway.api.model_api.anthropic_counts import MessageCountRoutes
from gateway.api.model_api.gemini_counts import TokenCountRoutes
from gateway.api.model_api.pass_through import PassThroughRoutes
from gateway.api.models import model_routes
from gateway.api.requests import request_id
from gateway.api.services import Services
from gateway.api.session import SessionRoute
from gateway.api.status import status_routes
from gateway.api.tickets import TicketRoute
from gateway.protocol.errors import invalid


def all_routes(
    services: Services, administration: Administration, transport_routes: Iterable[BaseRoute]
) -> Sequence[BaseRoute]:
    """Return the routes. Requests count as commands, except those that only read what was started.

    The route of the interrupt counts its own requests.
    """
    transports = list(transport_routes)
    generations = GenerationResource(services)
    counted = [
        *filterfalse(is_read_route, transports),
        *generations.routes(),
        *TicketRoute(services).routes(),
        *SessionRoute(services).routes(),
        *model_routes(services.hub),
        *PassThroughRoutes(services).routes(),
        *TokenCountRoutes(services).routes(),
        *MessageCountRoutes(services).routes(),
        *ConsoleRoutes(services).routes(),
        *status_routes(services.generations, services.responses),
        *admin_routes(services, administration),
        *MetricsRoute(services).routes(),
        *page_routes(),
    ]
    # Routes are matched in this order: starts come often, interrupts seldom.
    last = [generations.interrupt_route(), WebSocketRoute("/{path:path}", _refuse_websocket)]
    return [*filter(is_read_route, transports), *rate_limited(services, counted), *last]


async def _refuse_websocket(websocket: WebSocket) -> None:
    """Answer 404 to a handshake on a path without a WebSocket; Starlette's 403 looks like a refused credential."""
    if "websocket.http.response" not in websocket.scope.get("extensions", {}):
        await websocket.close()
        return
    message = f"There is no WebSocket at {websocket.url.path[:200]!r}; docs/reference/protocol.md lists the routes."
    body = orjson.dumps(invalid(message, status=404).body())
    headers = {"Cache-Control": "no-store", "X-Request-ID": request_id(websocket)}
    await websocket.send_denial_response(Response(body, 404, headers, media_type="application/json"))
