"""Middleware that counts a client's requests as commands; it runs inside `AuthMiddleware`.

Requests that only read what was started, or reconnect to it, are not counted (see `is_read_route`). The route of the
interrupt counts its requests itself, since it knows whether they stopped anything (see `gateway.api.routes`).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.security.principals import Principal


class CommandRateLimit:
    """ASGI application of one route, behind the command rate limit. Requests to public routes are not counted."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request and pass it on.

        Raises:
            Refused: `rate_limit`.
        """
        principal: Principal | None = scope.get(PRINCIPAL)
        if principal is not None:
            self._services.commands.count_request(principal.id, principal.address, self._services.clock.now())
        await self._app(scope, receive, send)


class RequestEndpoint:
    """ASGI application of a function that takes a request and returns a response.

    As Starlette's, without the exception handlers, which Starlette applies to each function, and again around the
    router (`ErrorMiddleware`).
    """

    def __init__(self, endpoint: Callable[[Request], Awaitable[ASGIApp]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response to a request."""
        response = await self._endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def rate_limited(services: Services, routes: Iterable[BaseRoute]) -> Sequence[BaseRoute]:
    """Wrap each route in `CommandRateLimit` and return the routes; mounts (static files) need no principal and stay."""
    limited = list(routes)
    for route in limited:
        if isinstance(route, Route):
            # A function stands for the endpoint alone, and an object for middleware of the route, or a class.
            is_alone = inspect.isfunction(route.app) and inspect.iscoroutinefunction(route.endpoint)
            route.app = CommandRateLimit(RequestEndpoint(route.endpoint) if is_alone else route.app, services)
    return limited


COUNTS_ITSELF: Final = "counts-itself"
"""Name of a transport's route that counts its own requests."""

READS: Final = "reads"
"""Name of a transport's route that only reads what was started, by another id than that of a generation."""


def is_read_route(route: BaseRoute) -> bool:
    """Return True if a transport's route only reads what was started, reconnects to it, or counts its own requests."""
    return not isinstance(route, Route) or "{generation_id}" in route.path or route.name in {COUNTS_ITSELF, READS}
