"""Build HTTP responses: JSON, their headers, and refusals in the form that the client can read."""

import random
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.admission.rate_limits import Allowance
from gateway.api.context import dialect_of
from gateway.api.requests import TEXT_PATH, last_event_id, request_id, wants_events
from gateway.dialects.base import PlainRefusals, is_model_api
from gateway.dialects.statuses import retry_headers
from gateway.generation.generation import Generation
from gateway.protocol.errors import Code, Refused
from gateway.protocol.event_stream import event_frame
from gateway.protocol.position import REFUSED_POSITION

DEFAULT_RETRY_MS = 1000
"""Milliseconds after which an `EventSource` retries, at least, if the refusal names no time."""

STREAM_HEADERS: Mapping[str, str] = {
    # No cache answers with a stored stream, and no proxy compresses one, which would delay its events (RFC 9111,
    # 5.2.2.4 and 5.2.2.6).
    "Cache-Control": "no-cache, no-transform",
    # nginx, and proxies that follow it: do not buffer.
    "X-Accel-Buffering": "no",
}


def json_response(
    request: Request, value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Build a JSON response."""
    named = {**document_headers(request), **(headers or {})}
    return Response(orjson.dumps(value), status, named, media_type="application/json")


def document_headers(request: Request) -> dict[str, str]:
    """Return the headers of a JSON document. It is for this client at this moment: no cache may keep it."""
    return {"Cache-Control": "no-store", **_request_headers(request)}


def no_content(request: Request) -> Response:
    """Build a 204 response, which stops an `EventSource` from reconnecting (WHATWG HTML, 9.2.1)."""
    return Response(status_code=204, headers={"X-Request-ID": request_id(request)})


def id_headers(request: Request, generation: Generation) -> dict[str, str]:
    """Return the headers that name a request and its generation."""
    return {"X-Generation-ID": generation.id, **_request_headers(request)}


def _request_headers(request: Request) -> dict[str, str]:
    """Return the headers that name a request. Anthropic's SDKs show `Request-ID`, those of others `X-Request-ID`."""
    named = {"X-Request-ID": request_id(request)}
    dialect = dialect_of(request)
    if dialect is not None and is_model_api(dialect):
        named["Request-ID"] = named["X-Request-ID"]
    return named


def start_headers(request: Request, generation: Generation, allowance: Allowance | None) -> dict[str, str]:
    """Return the headers of a response to a start: its ids, and what is left of the rate limit."""
    return id_headers(request, generation) | (allowance.headers() if allowance is not None else {})


def refusal_response(refused: Refused, request: Request, allowance: Allowance | None = None) -> Response:
    """Build the response to a refused request: JSON with the status of its code, or an event for an `EventSource`.

    An `EventSource` reports neither a status nor a JSON body to its page, and any status but 200 stops it (WHATWG HTML,
    9.2.3). So it gets 200 with one event, except at `TEXT_PATH`. After a final refusal it reconnects with the position
    of that event, and 204 stops it.
    """
    dialect = dialect_of(request)
    if dialect is None and wants_events(request) and request.scope["path"] != TEXT_PATH:
        if last_event_id(request).text == REFUSED_POSITION:
            return no_content(request)
        headers = {"X-Request-ID": request_id(request), **STREAM_HEADERS}
        frame = refusal_frame(refused, random.random())  # noqa: S311 - jitter, no secret
        return Response(frame, headers=headers, media_type="text/event-stream")
    headers = allowance.headers() if allowance is not None else {}
    if refused.retry_after_ms is not None:
        # Seconds, rounded up.
        headers["Retry-After"] = str(-(-refused.retry_after_ms // 1000))
    if refused.code is Code.AUTH_ERROR:
        headers["WWW-Authenticate"] = "Bearer"
    if dialect is not None:
        headers |= retry_headers(refused)
        if isinstance(dialect, PlainRefusals):
            headers |= {**document_headers(request), "X-Error-Code": refused.code}
            return Response(dialect.refusal_text(refused), dialect.status(refused), headers, media_type="text/plain")
        return json_response(request, dialect.refusal(refused), dialect.status(refused), headers)
    return json_response(request, refused.body(), refused.status, headers)


def refusal_frame(refused: Refused, jitter: float) -> bytes:
    """Encode a refusal as the one event that an `EventSource` gets; `jitter`, uniform in [0, 1), spreads retries out.

    If a retry may succeed, it is `rejected` with the fields of a WebSocket's, and `retry`. It has no position, so that
    the `EventSource` reconnects with the one that it has. It is not called `error`: pages take an `error` event with
    data for the end of the generation. A final refusal is an `error` with a position of its own.
    """
    if refused.retryable:
        rejected = {"type": "rejected", "id": None, "generation_id": None, **refused.fields()}
        retry_ms = round((refused.retry_after_ms or DEFAULT_RETRY_MS) * (1 + jitter))
        return event_frame(orjson.dumps(rejected), b"rejected", retry_ms=retry_ms)
    unknown = {"partial": False, "usage": None, "cost_usd": None, "metrics": None}
    error = {"type": "error", **refused.fields(), **unknown}
    return event_frame(orjson.dumps(error), b"error", REFUSED_POSITION.encode())
