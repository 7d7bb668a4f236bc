"""The routes of the console: `GET /api/console/events`, `/api/console/history` and `/api/console/recent`."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway.api.console.console import GAP_BOUNDS_MS, Console
from gateway.api.console.stream import ConsoleStream
from gateway.api.context import principal
from gateway.api.responses import STREAM_HEADERS, json_response
from gateway.api.services import Services
from gateway.protocol.errors import forbidden, invalid, out_of_scope
from gateway.telemetry.history import BOUNDS_MS, BUCKET_SECONDS


class ConsoleRoutes:
    """All routes of the console require the role `operate`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._console = Console(
            services.generations, services.activity, services.metrics, services.streams, services.clock
        )

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/console/events", self.events),
            Route("/api/console/history", self.history),
            Route("/api/console/recent", self.recent),
        ]

    async def events(self, request: Request) -> ASGIApp:
        """Stream what runs, and its changes, at most once a second."""
        _check_operator(request)
        if request.method == "HEAD":
            return Response(headers=STREAM_HEADERS, media_type="text/event-stream")
        return ConsoleStream(self._services, self._console.ticker)

    async def history(self, request: Request) -> Response:
        """Return the last hour in buckets, or what follows a time of it."""
        _check_operator(request)
        buckets, missing = await self._console.history(_after(request))
        body = {
            "bucket_seconds": BUCKET_SECONDS,
            "bounds_ms": BOUNDS_MS,
            "gap_bounds_ms": GAP_BOUNDS_MS,
            "buckets": buckets,
            "missing": missing,
        }
        return json_response(request, body)

    async def recent(self, request: Request) -> Response:
        """Return the newest ends."""
        _check_operator(request)
        return json_response(request, {"recent": await self._console.recent()})


def _check_operator(request: Request) -> None:
    """Check that a client may see and command everything.

    Raises:
        Refused: `forbidden`.
    """
    reader = principal(request)
    if reader.generation_scope is not None:
        raise out_of_scope()
    if not reader.operates:
        raise forbidden("operate")


def _after(request: Request) -> float:
    text = request.query_params.get("after", "0")
    try:
        after = float(text)
    except ValueError:
        after = -1.0
    if not 0 <= after < 1e12:
        message = "after: must be a time in seconds since 1970."
        raise invalid(message, param="after")
    return after
