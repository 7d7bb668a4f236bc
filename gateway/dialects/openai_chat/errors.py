"""Refusals in the form of OpenAI's APIs (platform.openai.com/docs/guides/error-codes). Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused

_TYPES: Final[Mapping[int, str]] = {
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
"""Types of errors by status. Other refusals are an `invalid_request_error`, also of a key and of a model's name."""

_CODES: Final[Mapping[Code, str | None]] = {
    Code.AUTH_ERROR: "invalid_api_key",
    Code.BUDGET_EXCEEDED: "insufficient_quota",
    # OpenAI names what is wrong only in the message and in `param`.
    Code.INVALID_REQUEST: None,
    Code.RATE_LIMIT: "rate_limit_exceeded",
}
"""OpenAI's own codes, where it has them. Others are those of our protocol."""


def refusal(refused: Refused) -> JsonObject:
    """Return the body of a refusal."""
    return {"error": error_object(refused)}


def error_object(refused: Refused) -> JsonObject:
    """Return the `error` object of a refusal, as it also stands in a stream."""
    default = "invalid_request_error" if refused.status < 500 else "server_error"
    return {
        "message": refused.message,
        "type": _TYPES.get(refused.status, default),
        "param": refused.param,
        "code": refused.api_code or _CODES.get(refused.code, refused.code.value),
    }
