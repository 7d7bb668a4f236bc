"""Read HTTP requests: bodies within bounds, ids and keys."""

import re
from collections.abc import Collection

import orjson
from starlette.requests import ClientDisconnect, HTTPConnection, Request

from gateway.pipeline.hub import new_id
from gateway.protocol.errors import Refused, invalid

_LENGTH = re.compile(r"[0-9]{1,15}")


_SAFE_ID = re.compile(r"[\x21-\x7e]{1,128}")


MAX_IDEMPOTENCY_KEY_LENGTH = 255


_DEEPEST_JSON = 64


_MOST_VALUES = 100_000


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
    if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH:
        message = f"Idempotency-Key: must have 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters."
        raise invalid(message, param="Idempotency-Key")
    return key


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
