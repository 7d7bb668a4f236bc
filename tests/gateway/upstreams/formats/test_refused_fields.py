"""Refusals of fields, as providers write them."""

import orjson
import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.refused_fields import refused_field

SENT: JsonObject = {"model": "m", "max_tokens": 50, "stream_options": {"include_usage": True}}
EXTRA = {
    "type": "extra_forbidden",
    "loc": ["body", "stream_options", "include_usage"],
    "msg": "Extra inputs are not permitted",
}


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (
            {
                "error": {
                    "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                    "'max_completion_tokens' instead.",
                    "param": "max_tokens",
                    "code": "unsupported_parameter",
                }
            },
            "max_tokens",
        ),
        ({"object": "error", "message": {"detail": [EXTRA]}, "type": "invalid_request_error"}, "stream_options"),
        ({"detail": [EXTRA]}, "stream_options"),
        ({"object": "error", "message": "Extra inputs: stream_options"}, "stream_options"),
        ({"error": {"message": "Unrecognized request argument supplied: stream_options"}}, "stream_options"),
        ({"error": {"message": "property 'stream_options' is unsupported"}}, "stream_options"),
        ({"error": 'json: unknown field "stream_options"'}, "stream_options"),
        ({"error": {"message": "stream_options is not supported"}}, "stream_options"),
        ({"message": "Additional properties are not allowed ('stream_options' was unexpected)"}, "stream_options"),
        ({"message": "`max_tokens` is deprecated"}, "max_tokens"),
    ],
)
def test_a_field_that_is_refused(refusal: object, field: str) -> None:
    assert refused_field(SENT, orjson.dumps(refusal)) == field


def test_an_effort_that_a_model_does_not_know() -> None:
    refusal = b"Unsupported parameter: 'reasoning_effort' is not supported with this model."
    assert refused_field({"reasoning_effort"}, refusal) == "reasoning_effort"
    refusal = b"Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model."
    assert refused_field({"reasoning_effort"}, refusal) is None


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens is too large: 99999. This model supports at most 4096 completion tokens",
        "max_tokens must be less than or equal to 8192",
        "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "'max_tokens' or model output limit was reached. Unknown reason: exceeded",
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default is supported.",
        "Unsupported parameter: 'logit_bias' is not supported with this model.",
        "Unknown parameter: 'max_completion_tokens'",
        "",
    ],
)
def test_a_refusal_of_a_value_or_of_another_field(message: str) -> None:
    assert refused_field(SENT, orjson.dumps({"error": {"message": message}})) is None


def test_only_a_field_that_was_sent() -> None:
    refusal = b"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    assert refused_field({"max_completion_tokens": 5}, refusal) is None
    assert refused_field({"max_completion_tokens": 5}, refusal[:38].replace(b"max_", b"max_completion_")) is not None
    assert refused_field({"model": "m"}, refusal) is None
