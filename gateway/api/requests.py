"""Read HTTP requests: bodies within bounds, ids, and whether an `EventSource` sent them."""

import re
from codecs import BOM_UTF8
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, get_args

import orjson
from starlette.requests import HTTPConnection, Request

from gateway.api.context import headers_of, principal_of
from gateway.api.services import Services
from gateway.pipeline.hub import new_id
from gateway.protocol.commands import JsonObject, OnDisconnect
from gateway.protocol.errors import Code, Refused, invalid
from gateway.security.origins import has_origin_headers, is_browser

STREAM_PATH: Final = "/api/chat/stream"
TEXT_PATH: Final = "/api/chat/text"
"""Path of the stream for readers of text. An `EventSource`, too, gets a refusal with its status there."""

MAX_IDEMPOTENCY_KEY_LENGTH: Final = 255

ON_DISCONNECT_HEADER: Final = "x-on-disconnect"
"""Header by which a request to the API of a provider overrides `model_api_on_disconnect`."""

_POLICIES: Final[Mapping[str, OnDisconnect]] = {policy: policy for policy in get_args(OnDisconnect)}
JSON_TYPES: Final = frozenset({"application/json"})
"""Content types of bodies."""

_REQUEST_ID: Final = "dualstream.request_id"
"""Scope key of the id of a request."""

_CONTENT_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_SAFE_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_MAX_JSON_DEPTH: Final = 64
MAX_JSON_VALUES: Final = 100_000
"""Maximum values of a body that is validated."""


def request_id(connection: HTTPConnection) -> str:
    """Return the client's `X-Request-ID` if it is safe to echo and log, or else an id generated once per request."""
    scope = connection.scope
    chosen: str | None = scope.get(_REQUEST_ID)
    if chosen is None:
        client_id = headers_of(scope).get("x-request-id")
        is_safe = client_id is not None and _SAFE_ID.fullmatch(client_id) is not None
        chosen = scope[_REQUEST_ID] = client_id if client_id is not None and is_safe else new_id("r")
    return chosen


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the client's `Idempotency-Key`; names of headers are in lower case.

    Raises:
        Refused: it is empty or too long.
    """
    key = headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH:
        message = f"Idempotency-Key: must have 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters."
        raise invalid(message, param="Idempotency-Key")
    return key


def on_disconnect_header(headers: Mapping[str, str]) -> OnDisconnect | None:
    """Return the disconnect policy that a request to the API of a provider asks for; None if it names none.

    It is a header, because the body of such a request is that of the API.

    Raises:
        Refused: there is no such policy.
    """
    value = headers.get(ON_DISCONNECT_HEADER)
    if value is None:
        return None
    policy = _POLICIES.get(value.strip().lower())
    if policy is None:
        message = f"{ON_DISCONNECT_HEADER}: must be one of {', '.join(_POLICIES)}."
        raise invalid(message, param=ON_DISCONNECT_HEADER)
    return policy


class SentPosition(NamedTuple):
    """The position that a request names, "" for none, and the header or parameter that holds it."""

    text: str
    param: str


def last_event_id(request: Request) -> SentPosition:
    """Return the position of `Last-Event-ID`, or else of the parameter that a polyfill of `EventSource` sends.

    Polyfills that may not set a header append `lastEventId` (Yaffle/EventSource), `evs_last_event_id` (amvtek) or the
    like to the URL. A position that was sent twice comes joined by a comma (RFC 9110, 5.3): the last one counts.
    """
    if "last-event-id" in headers_of(request.scope):
        sent = _last(",".join(request.headers.getlist("last-event-id")))
        if sent:
            return SentPosition(sent, "Last-Event-ID")
    if not request.scope.get("query_string"):
        return SentPosition("", "last_event_id")
    named = [(value, name) for name, value in request.query_params.multi_items() if is_position_name(name) and value]
    return SentPosition(_last(named[-1][0]), named[-1][1]) if named else SentPosition("", "last_event_id")


def _last(positions: str) -> str:
    return positions.rpartition(",")[2].strip()


def is_position_name(name: str) -> bool:
    """Return True for the name of a parameter that holds a position: `last_event_id`, `lastEventId` and the like."""
    return name.replace("_", "").replace("-", "").lower() in {"lasteventid", "evslasteventid"}


def wants_events(request: Request) -> bool:
    """Return True for an `EventSource`, by the one header that it always sends (WHATWG HTML, 9.2.3)."""
    return request.method == "GET" and "text/event-stream" in headers_of(request.scope).get("accept", "")


async def read_json(
    request: Request,
    services: Services,
    *,
    empty: object = None,
    max_values: int = MAX_JSON_VALUES,
    content_types: Collection[str] = JSON_TYPES,
) -> object:
    """Read a JSON body within the limits of `services`; return `empty` for an empty body, if it is given.

    While it is being received, the body counts as memory of the principal's prompts.

    Raises:
        Refused: the body is too large, compressed, has another content type, or is not JSON; no memory is left.
    """
    headers, limit = headers_of(request.scope), services.max_body_bytes
    if empty is not None and headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return empty
    check_body_headers(request, headers, limit, content_types)
    owner = principal_of(request.scope)
    body: bytes | bytearray = bytearray()
    reservation = services.hub.prompts.reserve(owner.id, owner.address)
    try:
        is_complete = False
        # Not `Request.stream`: asyncio registers each asynchronous generator.
        while not is_complete:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise invalid("The client disconnected before the end of the request.")
            chunk, is_complete = message.get("body", b""), not message.get("more_body", False)
            if is_complete and not body:
                # Most bodies come in one piece. It need not be counted: nothing is awaited before it is parsed.
                reservation.check(len(chunk))
                body = chunk
            else:
                reservation.grow(len(chunk))
                body += chunk
            # A chunked body has no Content-Length to check.
            if len(body) > limit:
                raise _too_large(limit)
    finally:
        reservation.release()
    return parse_json(body, "The body", max_values) if empty is None or body.strip() else empty


async def read_json_object(
    request: Request,
    services: Services,
    *,
    max_values: int = MAX_JSON_VALUES,
    content_types: Collection[str] = JSON_TYPES,
) -> JsonObject:
    """Read a JSON body that must be an object; see `read_json`.

    Raises:
        Refused: it is not one.
    """
    body = await read_json(request, services, max_values=max_values, content_types=content_types)
    if not isinstance(body, dict):
        message = "The body must be a JSON object."
        raise invalid(message)
    return body


def check_body_headers(
    request: Request, headers: Mapping[str, str], limit: int, content_types: Collection[str] = JSON_TYPES
) -> None:
    """Check what the headers say of a body, before any of it is read; `headers` are those of `headers_of`.

    Raises:
        Refused: it is longer than `limit` bytes, compressed, of another content type, or from an unknown page.
    """
    content_type = headers.get("content-type", "application/json")
    if content_type not in content_types:
        content_type = content_type.partition(";")[0].strip().lower()
    if content_type not in content_types:
        message = f"Content-Type is {content_type[:100]!r}: send application/json."
        raise invalid(message, param="Content-Type", status=415)
    # A page can send a form or plain text to any origin without a CORS preflight, but not JSON (WHATWG Fetch, 2.2.2).
    # Which page sends it must be known then: `Origins.check` has refused a foreign one.
    if content_type not in JSON_TYPES and is_browser(headers) and not has_origin_headers(headers):
        message = (
            "This browser does not send which page makes the request: send the header Content-Type: application/json."
        )
        raise Refused(Code.FORBIDDEN, message, param="Content-Type")
    # RFC 9110, 15.5.16. Decompressing would let a small request become a large one.
    if "content-encoding" in headers:
        coding = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
        if coding not in {"", "identity"}:
            message = f"Content-Encoding is {coding[:100]!r}: send the body uncompressed, without this header."
            raise invalid(message, param="Content-Encoding", status=415)
    content_length = headers.get("content-length", "0")
    if _CONTENT_LENGTH.fullmatch(content_length) is None or int(content_length) > limit:
        raise _too_large(limit)


def parse_json(text: bytes | bytearray | str, subject: str, max_values: int = MAX_JSON_VALUES) -> object:
    """Parse JSON that a client sent; `subject` names it in messages. A byte order mark is ignored (RFC 8259, 8.1).

    Raises:
        Refused: it is not JSON, or too deep or too large.
    """
    mark = "\ufeff" if isinstance(text, str) else BOM_UTF8
    # Comparing the first character costs less than a call, and nearly no text has the mark.
    if text[:1] == mark[:1]:
        text = text.removeprefix(mark)  # type: ignore[arg-type]
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f"{subject} is not JSON: {error}."
        raise invalid(message) from None
    # What is shorter than that has not so many parts, and depth takes brackets.
    size = len(text)
    if size > max_values or (size > _MAX_JSON_DEPTH and _count_brackets(text) > _MAX_JSON_DEPTH):
        _check_json_bounds(value, subject, max_values)
    return value


def _count_brackets(text: bytes | bytearray | str) -> int:
    """Return how many arrays and objects begin in JSON, at most: strings may contain brackets."""
    return text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")


def _check_json_bounds(value: object, subject: str, max_values: int) -> None:
    """Check the depth of a value and the number of its parts: validating more would block the event loop.

    Raises:
        Refused: it is too deep, or has too many parts.
    """
    level: list[Collection[object]] = [[value]]
    count = 0
    for _ in range(_MAX_JSON_DEPTH + 1):
        items = (item for parent in level for item in (parent.values() if isinstance(parent, dict) else parent))
        level = [item for item in items if isinstance(item, dict | list)]
        if not level:
            return
        count += sum(map(len, level))
        if count > max_values:
            message = f"{subject} contains more than {max_values} values."
            raise invalid(message)
    message = f"{subject} is nested more than {_MAX_JSON_DEPTH} levels deep."
    raise invalid(message)


def _too_large(limit: int) -> Refused:
    return invalid(f"The body is larger than {limit} bytes.", status=413)
