"""Middleware that counts a client's requests as commands; it runs inside `AuthMiddleware`.

Requests that only read what was started, or reconnect to it, are not counted (see `is_read_route`).
"""

from collections.abc import Iterable, Sequence

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.context import PRINCIPAL
from gateway.api.services import Services
from gateway.security.principals import Principal


class CommandRateLimit:
    """ASGI application of one route, behind the command rate limit.

    Requests to public routes are not counted, nor is an interrupt that stops a running generation. Each generation can
    be interrupted only once, so effective interrupts cannot flood the gateway; and a client that exceeds its rate can
    still stop what it has started.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request and pass it on.

        Raises:
            Refused: `rate_limit`.
        """
        principal: Principal | None = scope.get(PRINCIPAL)
        if principal is None:
            await self._app(scope, receive, send)
        elif self._stops(scope, principal):
            await self._let_stop(principal, scope, receive, send)
        else:
            self._services.commands.count_request(principal.id, principal.address, self._services.clock.now())
            await self._app(scope, receive, send)

    async def _let_stop(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        commands, clock = self._services.commands, self._services.clock
        commands.allow_stop(principal.id, principal.address, clock.now())
        try:
            await self._app(scope, receive, send)
        finally:
            if self._stops(scope, principal):
                # The generation can still be stopped, so this request was not an interrupt that took effect: count it.
                commands.count_failed_stop(principal.id, principal.address, clock.now())

    def _stops(self, scope: Scope, principal: Principal) -> bool:
        generation_id = scope["path_params"].get("generation_id", "")
        return scope["path"].endswith("/interrupt") and self._services.hub.would_stop(generation_id, principal)


def rate_limited(services: Services, routes: Iterable[BaseRoute]) -> Sequence[BaseRoute]:
    """Wrap each route in `CommandRateLimit` and return the routes; mounts (static files) need no principal and stay."""
    limited = list(routes)
    for route in limited:
        if isinstance(route, Route):
            route.app = CommandRateLimit(route.app, services)
    return limited


def is_read_route(route: BaseRoute) -> bool:
    """Return True if a transport's route only reads what was started, or reconnects to it."""
    return not isinstance(route, Route) or "{generation_id}" in route.path
