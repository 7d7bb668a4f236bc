"""What comes over the wire, as values: events from JSON objects, refusals from answers. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import (
    Accepted,
    Chunk,
    Complete,
    Error,
    Event,
    Feedback,
    Gap,
    Interrupted,
    Queued,
    Reasoning,
    Retry,
    Revision,
    Start,
    ToolCall,
)

JsonMap = Mapping[str, object]


class ConnectionLost(Exception):
    """A connection ended before the terminal event, or can't be trusted any more: attach after the last event."""


class Frame(NamedTuple):
    """One event at its place. `event` is None for a type that this version does not know."""

    generation_id: str
    seq: int
    event: Event | None


def _adapter(kind: type[Event]) -> TypeAdapter[Event]:
    return TypeAdapter(kind)


_KINDS: tuple[type[Event], ...] = (
    Accepted,
    Queued,
    Start,
    Retry,
    Chunk,
    Reasoning,
    ToolCall,
    Feedback,
    Revision,
    Gap,
    Complete,
    Interrupted,
    Error,
)
_ADAPTERS = {kind.type: _adapter(kind) for kind in _KINDS}
_GAP_NAMES = {"from": "from_seq", "to": "to_seq"}

_CODE_OF_STATUS = {
    401: Code.AUTH_ERROR,
    403: Code.FORBIDDEN,
    408: Code.TIMEOUT,
    429: Code.RATE_LIMIT,
    503: Code.SHUTTING_DOWN,
    504: Code.TIMEOUT,
}
LONGEST_WAIT_MS = 10**12
"""Of a refusal, some thirty years: a longer wait is no advice."""

_SECONDS = re.compile(r"[0-9]{1,9}")
_CODE_OF_CLOSE = {
    4400: Code.INVALID_REQUEST,
    4401: Code.AUTH_ERROR,
    4403: Code.FORBIDDEN,
    4408: Code.AUTH_ERROR,
    4413: Code.INVALID_REQUEST,
    4429: Code.RATE_LIMIT,
}


def decode(fields: JsonMap) -> Event | None:
    """Turn an event's JSON object into its class; None for a type that only a newer gateway has.

    Fields that this version does not know are left out.

    Raises:
        CutError: when it is one of the known types, but its fields are not.
    """
    kind = _text_of(fields.get("type"))
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        return None
    if kind == Gap.type:
        fields = {_GAP_NAMES.get(name, name): value for name, value in fields.items()}
    try:
        return adapter.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        message = f"unreadable {kind!r} event: {place}: {first['msg']}"
        raise ConnectionLost(message) from None


def read_object(data: bytes | str) -> JsonMap:
    """Read the one JSON object of a frame.

    Raises:
        CutError: when it is something else.
    """
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        message = f"not JSON: {error}"
        raise ConnectionLost(message) from None
    if not isinstance(value, dict):
        message = "not a JSON object"
        raise ConnectionLost(message)
    return value


def refusal_of_answer(status: int, body: bytes, retry_after: str | None) -> Refused:
    """Read a refusal from an HTTP answer; one that is not the gateway's own words is told by its status alone."""
    error: object = None
    if body[:1] == b"{":
        try:
            error = read_object(body).get("error")
        except ConnectionLost:
            error = None
    retry_after_ms = int(retry_after) * 1000 if retry_after is not None and _SECONDS.fullmatch(retry_after) else None
    if isinstance(error, dict):
        return refusal(error, status=status, retry_after_ms=retry_after_ms)
    code = _CODE_OF_STATUS.get(status, Code.SERVER_ERROR if status >= 500 else Code.INVALID_REQUEST)
    said = f"The answer was HTTP {status}, and not in the words of a Dualstream gateway."
    return Refused(code, said, status=status, retry_after_ms=retry_after_ms)


def refusal(error: JsonMap, *, status: int | None = None, retry_after_ms: int | None = None) -> Refused:
    """Build a refusal from `code`, `message`, `retryable`, `retry_after_ms` and `param`.

    A code that this version does not know becomes `server_error` or `invalid_request`, by whether to try again.
    """
    said_code = _text_of(error.get("code"))
    retryable = error.get("retryable")
    message = _text_of(error.get("message")) or "The gateway refused, and did not say why."
    try:
        code = Code(said_code)
    except ValueError:
        code = Code.SERVER_ERROR if retryable is True else Code.INVALID_REQUEST
        message = f"{message} ({said_code})" if said_code else message
    told, param = error.get("retry_after_ms"), error.get("param")
    if isinstance(told, int | float) and 0 <= told < LONGEST_WAIT_MS:
        retry_after_ms = int(told)
    refused = Refused(
        code,
        message,
        status=status,
        retry_after_ms=retry_after_ms,
        param=param if isinstance(param, str) else None,
    )
    if isinstance(retryable, bool):
        refused.retryable = retryable
    return refused


def ending_of_close(code: int | None, reason: str) -> ConnectionLost | Refused:
    """Say what a closed WebSocket means: a refusal for the gateway's own reasons, a cut for all others."""
    said = reason or f"the WebSocket was closed ({code})"
    if code == 4401:
        return Refused(Code.AUTH_ERROR, "The key or token is not valid here.")
    if code in _CODE_OF_CLOSE:
        return Refused(_CODE_OF_CLOSE[code], said)
    return ConnectionLost(said)


def _text_of(value: object) -> str:
    """Give a text, an empty one for what is none: JSON that is nested deep can't be spelled as one."""
    return value if isinstance(value, str) else ""
