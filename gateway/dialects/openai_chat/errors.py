"""Refusals in the form of OpenAI's APIs (platform.openai.com/docs/guides/error-codes)."""

from typing import Final

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
}


def refusal(refused: Refused) -> JsonObject:
    """Return the body of a refusal."""
    return {"error": error_object(refused)}


def error_object(refused: Refused) -> JsonObject:
    """Return the `error` object of a refusal, as it also stands in a stream."""
    kind = _TYPES.get(refused.status, "invalid_request_error" if refused.status < 429 else "server_error")
    if refused.code is Code.RATE_LIMIT:
        kind = "rate_limit_error"
    code = refused.api_code or refused.code.value
    return {"message": refused.message, "type": kind, "param": refused.param, "code": code}
