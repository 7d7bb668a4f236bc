"""What all HTTP routes share: reading a body within bounds, answering in JSON, refusing in each client's way."""

import random
import re
from collections.abc import Collection, Mapping

import orjson
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.addresses import client_address
from gateway.admission.buckets import Allowance
from gateway.errors import Code, Refused, invalid
from gateway.events import Error, encode
from gateway.generation import Generation
from gateway.hub import new_id
from gateway.security.gate import missing
from gateway.security.principals import Principal

REFUSED_POSITION = "refused"
"""The position of an `error` event that is no generation's: an EventSource that comes back with it is told to stop."""

STREAM_HEADERS: Mapping[str, str] = {
    # Not to be stored, and not to be compressed on the way: that would hold back what is streamed.
    "Cache-Control": "no-cache, no-transform",
    # nginx and those who follow it: do not buffer.
    "X-Accel-Buffering": "no",
}

PRINCIPAL = "dualstream.principal"
"""Where in the scope the principal is, once the gate has let it in."""

ORIGIN = "dualstream.origin"
"""Where in the scope the origin of an allowed page is; "" is our own, or no page."""

_LENGTH = re.compile(r"[0-9]{1,15}")
_SAFE_ID = re.compile(r"[\x21-\x7e]{1,128}")
LONGEST_KEY = 255
_DEEPEST_JSON = 64
_MOST_VALUES = 100_000


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


def request_id(connection: HTTPConnection) -> str:
    """Echo the client's `X-Request-ID` if it is one that can be echoed and logged, or make one."""
    given = connection.headers.get("x-request-id", "")
    if _SAFE_ID.fullmatch(given):
        return given
    made: str = connection.scope.setdefault("dualstream.request_id", new_id("r"))
    return made


def idempotency_key(request: Request) -> str | None:
    """Give the client's `Idempotency-Key`.

    Raises:
        Refused: when it is empty or too long.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        message = f"Idempotency-Key: must have 1 to {LONGEST_KEY} characters."
        raise invalid(message, param="Idempotency-Key")
    return key


def ids(request: Request, generation: Generation) -> dict[str, str]:
    """Give the headers that name a request and the generation that it is about."""
    return {"X-Generation-ID": generation.id, "X-Request-ID": request_id(request)}


def start_headers(request: Request, generation: Generation, allowance: Allowance | None) -> dict[str, str]:
    """Give the headers of an answer to a start: what was started, and what may still be."""
    return ids(request, generation) | (allowance.headers() if allowance is not None else {})


def principal(connection: HTTPConnection) -> Principal:
    """Give whose a request is, as the gate has said (transports/guard.py).

    Raises:
        Refused: `auth_error`: the gate was not asked, or has not let it in.
    """
    return principal_of(connection.scope)


def principal_of(scope: Scope) -> Principal:
    """Give whose a connection is; as `principal`."""
    found: Principal | None = scope.get(PRINCIPAL)
    if found is None:
        raise missing()
    return found


def address(connection: HTTPConnection) -> str:
    """Tell where a request comes from: its client's address, behind trusted proxies as they forward it."""
    return client_address(connection.client.host if connection.client is not None else "")


def refusal(refused: Refused, request: Request, allowance: Allowance | None = None) -> Response:
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


def event_frame(data: bytes, name: bytes = b"", position: bytes = b"", retry_ms: int | None = None) -> bytes:
    """Spell one event of a text/event-stream; what is left out has no line.

    Raises:
        ValueError: there is a line break in one of its lines.
    """
    said = position + name
    if b"\n" in data or b"\r" in data or b"\n" in said or b"\r" in said:
        message = "a line of an event holds a line break"
        raise ValueError(message)
    head = b"id: %b\n" % position if position else b""
    if retry_ms is not None:
        head += b"retry: %d\n" % retry_ms
    if name:
        head += b"event: %b\n" % name
    return b"%bdata: %b\n\n" % (head, data)


async def read_json(request: Request, limit: int, *, empty: object = None) -> object:
    """Read a JSON body of at most `limit` bytes; an empty one is `empty`.

    Raises:
        Refused: too large, another content type, or not JSON.
    """
    declared = request.headers.get("content-length", "0")
    if empty is not None and declared == "0" and "transfer-encoding" not in request.headers:
        return empty
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    # A page can send a form or plain text anywhere without asking (no CORS preflight): take what it can't.
    if kind != "application/json":
        raise invalid(f"Content-Type is {kind[:100]!r}: send application/json.", param="Content-Type", status=415)
    if _LENGTH.fullmatch(declared) is None or int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        message = "The request broke off."
        raise invalid(message) from None
    return parse_json(body, "The body") if body.strip() or empty is None else empty


def parse_json(text: bytes | bytearray | str, what: str) -> object:
    """Decode JSON that a client sent.

    Raises:
        Refused: when it is none, or nested deeper than anything meant well.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{what} is not JSON: {error}."
        raise invalid(message) from None
    _refuse_sprawl(value, what)
    return value


def _refuse_sprawl(value: object, what: str) -> None:
    """Refuse what is nested deeper, or holds more values, than anything meant well: looking at it would take long."""
    level: list[Collection[object]] = [[value]]
    count = 0
    for _ in range(_DEEPEST_JSON + 1):
        inner = (one for outer in level for one in (outer.values() if isinstance(outer, dict) else outer))
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
        count += sum(map(len, level))
        if count > _MOST_VALUES:
            message = f"{what} holds more than {_MOST_VALUES} values."
            raise invalid(message)
    message = f"{what} is nested more than {_DEEPEST_JSON} levels deep."
    raise invalid(message)


def _too_large(limit: int) -> Refused:
    return invalid(f"The body is larger than {limit} bytes.", status=413)
