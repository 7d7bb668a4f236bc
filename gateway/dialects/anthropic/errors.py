"""Refusals and failures in the form of the Messages API (docs.anthropic.com, "Errors"). Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code, Refused

_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    # Anthropic's own status is 529, which proxies and clients of other APIs do not know. Its SDKs retry both.
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Type of an error by its status; any other status of a client's mistake is an `invalid_request_error`."""


def refusal(refused: Refused) -> JsonObject:
    """Return the body of a refusal. The id of the request is in the headers alone."""
    return error_body(refused.status, refused.code, refused.message, refused.param)


def error_event(code: Code, message: str) -> JsonObject:
    """Return the `error` event of a failure inside a stream."""
    return error_body(CODES[code].status, code, message)


def error_body(status: int, code: Code, message: str, param: str | None = None) -> JsonObject:
    """Return an error; its code and the field to change are in `details`, which the SDKs show."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    details: JsonObject = {"error_code": code.value, "param": param}
    return {"type": "error", "error": {"type": kind, "message": message, "details": details}, "request_id": None}
