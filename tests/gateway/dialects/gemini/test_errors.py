"""Refusals in Google's form."""

import pytest

from gateway.dialects.gemini.errors import refusal
from gateway.protocol.errors import Code, Refused


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (Code.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (Code.AUTH_ERROR, 401, "UNAUTHENTICATED"),
        (Code.BUDGET_EXCEEDED, 402, "RESOURCE_EXHAUSTED"),
        (Code.FORBIDDEN, 403, "PERMISSION_DENIED"),
        (Code.MODEL_NOT_FOUND, 404, "NOT_FOUND"),
        (Code.CONTENT_FILTER, 422, "FAILED_PRECONDITION"),
        (Code.PROVIDER_AUTH, 424, "FAILED_PRECONDITION"),
        (Code.RATE_LIMIT, 429, "RESOURCE_EXHAUSTED"),
        (Code.SERVER_ERROR, 502, "UNAVAILABLE"),
        (Code.QUEUE_FULL, 503, "UNAVAILABLE"),
        (Code.STALLED, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_names_of_statuses(code: Code, status: int, name: str) -> None:
    error = refusal(Refused(code, "No."))["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["status"], error["message"]) == (status, name, "No.")


def test_details_name_our_code_the_field_and_the_wait() -> None:
    error = refusal(Refused(Code.RATE_LIMIT, "No.", param="contents", retry_after_ms=1500))["error"]
    assert isinstance(error, dict)
    assert error["details"] == [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT", "domain": "dualstream"},
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "contents", "description": "No."}],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
    ]
