"""What all HTTP routes share: reading a body within bounds, answering in JSON, refusing in each client's way."""

import random
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.admission.rate_limits import Allowance
from gateway.api.requests import request_id
from gateway.generation.generation import Generation
from gateway.protocol.errors import Code, Refused
from gateway.protocol.event_stream import event_frame
from gateway.protocol.events import Error, encode

REFUSED_POSITION = "refused"
"""The position of an `error` event that is no generation's: an EventSource that comes back with it is told to stop."""

STREAM_HEADERS: Mapping[str, str] = {
    # Not to be stored, and not to be compressed on the way: that would hold back what is streamed.
    "Cache-Control": "no-cache, no-transform",
    # nginx and those who follow it: do not buffer.
    "X-Accel-Buffering": "no",
}


def json_response(
    request: Request, value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON."""
    # What it tells is this client's, and of this moment.
    named = {"Cache-Control": "no-store", "X-Request-ID": request_id(request), **(headers or {})}
    return Response(orjson.dumps(value), status, named, media_type="application/json")


def no_content(request: Request) -> Response:
    """Answer that there is nothing more, which stops an EventSource."""
    return Response(status_code=204, headers={"X-Request-ID": request_id(request)})


def id_headers(request: Request, generation: Generation) -> dict[str, str]:
    """Give the headers that name a request and the generation that it is about."""
    return {"X-Generation-ID": generation.id, "X-Request-ID": request_id(request)}


def start_headers(request: Request, generation: Generation, allowance: Allowance | None) -> dict[str, str]:
    """Give the headers of an answer to a start: what was started, and what may still be."""
    return id_headers(request, generation) | (allowance.headers() if allowance is not None else {})


def refusal_response(refused: Refused, request: Request, allowance: Allowance | None = None) -> Response:
    """Refuse with the status of its code, or to an EventSource, which can't read one, with an event, and then a 204."""
    if wants_events(request):
        if request.headers.get("last-event-id") == REFUSED_POSITION:
            return no_content(request)
        return _refusal_event(request, refused)
    headers = allowance.headers() if allowance is not None else {}
    if refused.retry_after_ms is not None:
        headers["Retry-After"] = str(-(-refused.retry_after_ms // 1000))
    if refused.code is Code.AUTH_ERROR:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(request, refused.body(), refused.status, headers)


def wants_events(request: Request) -> bool:
    """Tell an EventSource, by the one header it always sends (WHATWG HTML, 9.2.3)."""
    return request.method == "GET" and "text/event-stream" in request.headers.get("accept", "")


def _refusal_event(request: Request, refused: Refused) -> Response:
    event = Error(
        refused.code,
        refused.message,
        refused.retryable,
        refused.retry_after_ms,
        partial=False,
        usage=None,
        cost_usd=None,
        metrics=None,
    )
    # A start that is worth trying again: the EventSource does so by itself, spread out so that not all come at once.
    again = refused.status in {429, 503}
    delay = (refused.retry_after_ms or 1000) * random.uniform(1, 2)  # noqa: S311 - jitter, no secret
    position, retry_ms = (b"", round(delay)) if again else (REFUSED_POSITION.encode(), None)
    body = event_frame(encode(event), b"error", position, retry_ms)
    return Response(
        body, headers={"X-Request-ID": request_id(request), **STREAM_HEADERS}, media_type="text/event-stream"
    )
