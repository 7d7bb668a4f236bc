"""Refusals in OpenAI's form."""

import pytest

from gateway.dialects.openai_chat.errors import refusal
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Refused


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        (Code.INVALID_REQUEST, "invalid_request_error", None),
        (Code.AUTH_ERROR, "invalid_request_error", "invalid_api_key"),
        (Code.FORBIDDEN, "permission_error", "forbidden"),
        (Code.MODEL_NOT_FOUND, "invalid_request_error", "model_not_found"),
        (Code.RATE_LIMIT, "rate_limit_error", "rate_limit_exceeded"),
        (Code.BUDGET_EXCEEDED, "insufficient_quota", "insufficient_quota"),
        (Code.CONTENT_FILTER, "invalid_request_error", "content_filter"),
        (Code.SERVER_ERROR, "server_error", "server_error"),
        (Code.TIMEOUT, "server_error", "timeout"),
    ],
)
def test_a_refusal(code: Code, kind: str, name: str | None) -> None:
    error: JsonObject = {"message": "Text.", "type": kind, "param": "model", "code": name}
    assert refusal(Refused(code, "Text.", param="model")) == {"error": error}


def test_an_exact_code_of_the_api_wins() -> None:
    refused = Refused(Code.INVALID_REQUEST, "Text.")
    refused.api_code = "invalid_value"
    assert refusal(refused)["error"] == {
        "message": "Text.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_value",
    }
