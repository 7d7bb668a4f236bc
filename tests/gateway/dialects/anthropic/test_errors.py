"""Refusals and failures in the form of the Messages API."""

import pytest

from gateway.dialects.anthropic.errors import error_event, refusal
from gateway.protocol.errors import Code, Refused


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (Code.INVALID_REQUEST, None, "invalid_request_error"),
        (Code.INVALID_REQUEST, 413, "request_too_large"),
        (Code.INVALID_REQUEST, 415, "invalid_request_error"),
        (Code.AUTH_ERROR, None, "authentication_error"),
        (Code.BUDGET_EXCEEDED, None, "billing_error"),
        (Code.FORBIDDEN, None, "permission_error"),
        (Code.MODEL_NOT_FOUND, None, "not_found_error"),
        (Code.RATE_LIMIT, None, "rate_limit_error"),
        (Code.QUEUE_FULL, None, "overloaded_error"),
        (Code.TIMEOUT, None, "timeout_error"),
        (Code.SERVER_ERROR, None, "api_error"),
        (Code.SERVER_ERROR, 507, "api_error"),
    ],
)
def test_a_type_for_each_status(code: Code, status: int | None, kind: str) -> None:
    assert refusal(Refused(code, "No.", status=status, param="model")) == {
        "type": "error",
        "error": {"type": kind, "message": "No.", "details": {"error_code": code.value, "param": "model"}},
        "request_id": None,
    }


def test_an_error_event() -> None:
    assert error_event(Code.RATE_LIMIT, "Too many.")["type"] == "error"
