"""Errors in the form of OpenAI's Responses API: the body of a refusal, and the code of a response that failed. Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.dialects.openai_chat.errors import refusal
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code
from gateway.protocol.events import Error

__all__ = ["error_of", "refusal"]

_CODES: Final[Mapping[Code, str]] = {
    Code.RATE_LIMIT: "rate_limit_exceeded",
    Code.QUEUE_FULL: "rate_limit_exceeded",
    Code.QUEUE_TIMEOUT: "rate_limit_exceeded",
    Code.BUDGET_EXCEEDED: "insufficient_quota",
    Code.PROVIDER_QUOTA: "insufficient_quota",
}
_NOT_RETRYABLE: Final = "invalid_prompt"
"""A code that Codex does not retry: it takes any unknown one for a fault of the server."""

CUT_OFF: Final[JsonObject] = {"code": "server_error", "message": "The provider failed in mid-answer; ask again."}
"""The `error` of a response whose first text was given up for another provider's."""


def error_of(end: Error) -> JsonObject:
    """Return the `error` of a response that failed."""
    code = _CODES.get(Code(end.code)) or ("server_error" if end.retryable else _NOT_RETRYABLE)
    message = end.message
    if code == "rate_limit_exceeded" and end.retry_after_ms is not None:
        # Codex reads how long to wait from the words of OpenAI's message.
        message = f"{message} Please try again in {end.retry_after_ms / 1000:g}s."
    return {"code": code, "message": message}
