"""Refusals of AG-UI's requests."""

from gateway.dialects.ag_ui.errors import refusal
from gateway.protocol.errors import Code, Refused, invalid


def test_a_refusal_has_the_form_of_our_protocol() -> None:
    refused = Refused(Code.RATE_LIMIT, "Too many.", retry_after_ms=5)
    assert refusal(refused) == {
        "error": {"code": "rate_limit", "message": "Too many.", "retryable": True, "retry_after_ms": 5, "param": None}
    }


def test_options_are_named_where_they_stand() -> None:
    error = refusal(invalid("model: is missing", param="model"))["error"]
    assert isinstance(error, dict)
    assert error["message"] == "forwardedProps.model: is missing"
