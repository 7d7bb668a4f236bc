"""The code of a response that failed."""

import pytest

from gateway.dialects.openai_responses.errors import error_of, refusal
from gateway.protocol.errors import invalid
from tests.gateway.dialects.openai_responses.logs import error


@pytest.mark.parametrize(
    ("code", "retryable", "expected"),
    [
        ("server_error", True, "server_error"),
        ("rate_limit", True, "rate_limit_exceeded"),
        ("provider_quota", False, "insufficient_quota"),
        ("budget_exceeded", False, "insufficient_quota"),
        # A code that Codex retries only if the failure is worth it.
        ("unsupported_content", False, "invalid_prompt"),
        ("output_limit", False, "invalid_prompt"),
    ],
)
def test_a_failure_has_a_code_by_which_clients_decide_to_retry(code: str, retryable: bool, expected: str) -> None:
    assert error_of(error(code, retryable=retryable))["code"] == expected


def test_a_refusal_names_its_field() -> None:
    assert refusal(invalid("input: is missing", param="input"))["error"] == {
        "message": "input: is missing",
        "type": "invalid_request_error",
        "param": "input",
        "code": None,
    }
