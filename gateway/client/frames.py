"""What a connection delivers or ends with: frames, and refusals from HTTP responses and close codes. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from gateway.protocol.errors import Code, Failed, Refused
from gateway.protocol.events import Error, Event

JsonMap = Mapping[str, object]


class ConnectionLost(Exception):
    """A connection ended before the terminal event, or sent invalid data. Attach again after the last event.

    `code` is that of the `Failed` which is raised when the retries are used up.
    """

    def __init__(self, message: str, code: Code = Code.NETWORK_ERROR) -> None:
        super().__init__(message)
        self.code = code


class Frame(NamedTuple):
    """One event with its position. `event` is None for a type that this version does not know."""

    generation_id: str
    seq: int
    event: Event | None


_CODE_OF_STATUS = {
    401: Code.AUTH_ERROR,
    403: Code.FORBIDDEN,
    408: Code.TIMEOUT,
    425: Code.NETWORK_ERROR,
    429: Code.RATE_LIMIT,
    500: Code.SERVER_ERROR,
}
"""Codes of responses that are not the gateway's; from 501 on, a proxy has not reached it: `network_error`."""

MAX_RETRY_AFTER_MS = 10**12
"""Maximum `retry_after_ms` that is used, about 30 years. A longer one is ignored: it would not be a time to wait."""

_SECONDS = re.compile(r"[0-9]{1,9}")
_CODE_OF_CLOSE = {
    4400: Code.INVALID_REQUEST,
    4401: Code.AUTH_ERROR,
    4403: Code.FORBIDDEN,
    4408: Code.AUTH_ERROR,
    4413: Code.INVALID_REQUEST,
    4429: Code.RATE_LIMIT,
}


def read_object(data: bytes | str) -> JsonMap:
    """Parse the JSON object of a frame.

    Raises:
        ConnectionLost: if it is not a JSON object.
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


def refusal_of_response(status: int, body: bytes, retry_after: str | None) -> Refused:
    """Build a refusal from an HTTP response. If the body is not the gateway's JSON, the status alone decides.

    A proxy between client and gateway may have answered with a page of its own.
    """
    error: object = None
    if body[:1] == b"{":
        try:
            error = read_object(body).get("error")
        except ConnectionLost:
            error = None
    retry_after_ms = int(retry_after) * 1000 if retry_after is not None and _SECONDS.fullmatch(retry_after) else None
    if isinstance(error, dict):
        return refusal(error, status=status, retry_after_ms=retry_after_ms)
    code = _CODE_OF_STATUS.get(status, Code.NETWORK_ERROR if status >= 500 else Code.INVALID_REQUEST)
    message = f"The response was HTTP {status}, without an error of a Dualstream gateway."
    return Refused(code, message, status=status, retry_after_ms=retry_after_ms)


def refusal(error: JsonMap, *, status: int | None = None, retry_after_ms: int | None = None) -> Refused:
    """Build a refusal from `code`, `message`, `retryable`, `retry_after_ms` and `param`.

    A code that this version does not know becomes `server_error` if it is retryable, else `invalid_request`.
    """
    received_code = _text(error.get("code"))
    retryable = error.get("retryable")
    message = _text(error.get("message")) or "The gateway refused without a reason."
    try:
        code = Code(received_code)
    except ValueError:
        code = Code.SERVER_ERROR if retryable is True else Code.INVALID_REQUEST
        message = f"{message} ({received_code})" if received_code else message
    received_ms, param = error.get("retry_after_ms"), error.get("param")
    if isinstance(received_ms, int | float) and 0 <= received_ms < MAX_RETRY_AFTER_MS:
        retry_after_ms = int(received_ms)
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


def failure_of(error: Error) -> Failed:
    """Build the exception of an `error` event."""
    read = refusal({"code": error.code, "message": error.message, "retryable": error.retryable})
    return Failed(read.code, read.message, retryable=error.retryable, retry_after_ms=error.retry_after_ms)


def error_of_close(code: int | None, reason: str) -> ConnectionLost | Refused:
    """Map the close code of a WebSocket to a refusal; codes that are not the gateway's own mean a lost connection."""
    message = reason or f"the WebSocket was closed ({code})"
    if code == 4401:
        return Refused(Code.AUTH_ERROR, "The key or token is not valid here.")
    if code in _CODE_OF_CLOSE:
        return Refused(_CODE_OF_CLOSE[code], message)
    return ConnectionLost(message, Code.SHUTTING_DOWN if code == 1012 else Code.NETWORK_ERROR)


def _text(value: object) -> str:
    """Return a string as it is, and "" for anything else: `str()` of deeply nested JSON would raise RecursionError."""
    return value if isinstance(value, str) else ""
