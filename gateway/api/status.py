"""State of the gateway, and the description of its API: `GET /health`, `/ready`, `/api/stats`, `/openapi.json`."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.bundled_files import bundled_path
from gateway.api.context import principal
from gateway.api.model_api.responses.store import ResponseStore
from gateway.api.requests import request_id
from gateway.api.responses import json_response
from gateway.pipeline.hub import Hub
from gateway.protocol.errors import forbidden


def status_routes(hub: Hub, responses: ResponseStore) -> Sequence[BaseRoute]:
    """Build the routes: liveness, readiness, statistics, and the OpenAPI document."""
    started = time.monotonic()
    # Compact. The file is built by `make openapi`: building it here took a tenth of the time until the server listens.
    openapi = orjson.dumps(orjson.loads(bundled_path("openapi.json", "docs/openapi.json").read_bytes()))

    async def health(request: Request) -> Response:
        uptime = round(time.monotonic() - started, 3)
        return json_response(
            request, {"status": "healthy", "timestamp": datetime.now(UTC).isoformat(), "uptime": uptime}
        )

    async def ready(request: Request) -> Response:
        if hub.draining:
            return json_response(request, {"status": "draining"}, 503, {"Retry-After": "1"})
        return json_response(request, {"status": "ready"})

    async def stats(request: Request) -> Response:
        if not principal(request).observes:
            raise forbidden("observe")
        stored = {"stored_responses": len(responses), "stored_bytes": responses.size}
        return json_response(request, hub.stats() | stored)

    async def openapi_document(request: Request) -> Response:
        return Response(openapi, headers={"X-Request-ID": request_id(request)}, media_type="application/json")

    return [
        Route("/health", health),
        Route("/ready", ready),
        Route("/api/stats", stats),
        Route("/openapi.json", openapi_document),
    ]
