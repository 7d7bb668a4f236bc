"""State of the gateway, and the description of its API: `GET /health`, `/ready`, `/api/stats`, `/openapi.json`."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.bundled_files import bundled_path
from gateway.api.context import principal
from gateway.api.model_api.responses.store import ResponseStore
from gateway.api.requests import request_id
from gateway.api.responses import json_response
from gateway.protocol.errors import forbidden
from gateway.replicas.generations import Generations


def status_routes(generations: Generations, responses: ResponseStore) -> Sequence[BaseRoute]:
    """Build the routes: liveness, readiness, statistics, and the OpenAPI document."""
    hub, started = generations.hub, time.monotonic()

    async def health(request: Request) -> Response:
        uptime = round(time.monotonic() - started, 3)
        return json_response(
            request, {"status": "healthy", "timestamp": datetime.now(UTC).isoformat(), "uptime": uptime}
        )

    async def ready(request: Request) -> Response:
        if hub.draining:
            return json_response(request, {"status": "draining"}, 503, {"Retry-After": "1"})
        if not generations.is_store_up:
            # Without starts, a load balancer had better send clients elsewhere: others may reach the store.
            if generations.refuses_starts:
                return json_response(request, {"status": "store unavailable"}, 503, {"Retry-After": "1"})
            return json_response(request, {"status": "ready without its store"})
        return json_response(request, {"status": "ready"})

    async def stats(request: Request) -> Response:
        if not principal(request).observes:
            raise forbidden("observe")
        stored = {"stored_responses": len(responses), "stored_bytes": responses.size}
        return json_response(request, hub.stats() | stored | {"store": generations.store_stats()})

    async def openapi_document(request: Request) -> Response:
        return Response(_openapi(), headers={"X-Request-ID": request_id(request)}, media_type="application/json")

    return [
        Route("/health", health),
        Route("/ready", ready),
        Route("/api/stats", stats),
        Route("/openapi.json", openapi_document),
    ]


@cache
def _openapi() -> bytes:
    """Return the OpenAPI document, compact. Few clients ask for it; the file is built by `make openapi`."""
    return orjson.dumps(orjson.loads(bundled_path("openapi.json", "docs/openapi.json").read_bytes()))
