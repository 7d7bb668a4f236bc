"""Find the route of a request by its path."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import Lifespan, Receive, Scope, Send

_PATH_ROUTES: Final = Route | WebSocketRoute | Mount
_SOCKET: Final = "a WebSocket"
"""Stands in the place of a method, and is none."""


class PathRouter(Router):
    """Starlette's router, except that it tries only routes that can match; it does not redirect.

    Starlette tries the regular expression of one route after the other. Here dictionaries hold what each path without
    parameters matches, and other paths are tried with the other routes only. The routes must not change.
    """

    def __init__(self, routes: Sequence[BaseRoute], lifespan: Lifespan[Any] | None = None) -> None:
        super().__init__(routes, redirect_slashes=False, lifespan=lifespan)
        paths = {route.path for route in routes if _is_fixed(route)}
        self._of_paths = {path: _router(route for route in routes if _may_match(route, path)) for path in paths}
        self._of_others = _router(route for route in routes if not _is_fixed(route))
        self._of_requests = _of_requests(self._of_paths)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the first route that matches, or answer that there is none."""
        # Starlette compares routes with what follows the root path.
        if scope["type"] == "lifespan" or scope.get("root_path"):
            await super().app(scope, receive, send)
            return
        scope["router"] = self
        kind = scope["method"] if scope["type"] == "http" else _SOCKET
        route = self._of_requests.get((kind, scope["path"]))
        if route is not None:
            # What Starlette does with a route that matches.
            scope["route"], scope["endpoint"] = route, route.endpoint
            scope["path_params"] = {**scope.get("path_params", {})}
            await route.app(scope, receive, send)
            return
        await self._of_paths.get(scope["path"], self._of_others).app(scope, receive, send)


def _of_requests(routers: Mapping[str, Router]) -> Mapping[tuple[str, str], Route | WebSocketRoute | None]:
    """Return the first route that matches a request or socket, by method and path, where no other kind comes before."""
    found: dict[tuple[str, str], Route | WebSocketRoute | None] = {}
    for path, router in routers.items():
        for route in router.routes:
            if type(route) is Route and not route.param_convertors and route.methods:
                for method in route.methods:
                    found.setdefault((method, path), route)
            elif isinstance(route, WebSocketRoute):
                decides = type(route) is WebSocketRoute and _is_fixed(route)
                found.setdefault((_SOCKET, path), route if decides else None)
            else:
                # It may match, as far as is known here.
                break
    return found


def _router(routes: Iterable[BaseRoute]) -> Router:
    return Router(list(routes), redirect_slashes=False)


def _is_fixed(route: BaseRoute) -> TypeGuard[Route | WebSocketRoute]:
    """Return True if a route matches one path only."""
    return isinstance(route, Route | WebSocketRoute) and not route.param_convertors


def _may_match(route: BaseRoute, path: str) -> bool:
    return not isinstance(route, _PATH_ROUTES) or route.path_regex.match(path) is not None
