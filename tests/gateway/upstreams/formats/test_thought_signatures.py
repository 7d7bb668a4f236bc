"""Where the signature of a tool call stands, and which models require it."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.thought_signatures import call_signature, is_before_gemini_3


@pytest.mark.parametrize(
    ("call", "signature"),
    [
        ({"signature": "a"}, "a"),
        ({"extra_content": {"google": {"thought_signature": "b"}}}, "b"),
        ({"provider_specific_fields": {"thought_signature": "c"}}, "c"),
        ({"signature": "", "extra_content": {"google": {"thought_signature": "b"}}}, "b"),
        ({"signature": 7, "extra_content": {"google": []}, "provider_specific_fields": None}, ""),
        ({}, ""),
    ],
)
def test_the_signature_of_a_call(call: JsonObject, signature: str) -> None:
    assert call_signature(call) == signature


@pytest.mark.parametrize(
    ("model", "is_before"),
    [
        ("gemini-2.5-pro", True),
        ("models/gemini-1.5-flash", True),
        ("gemini-3-pro", False),
        ("gemini-flash-latest", False),
        ("gpt-4o", False),
    ],
)
def test_models_that_do_without(model: str, *, is_before: bool) -> None:
    assert is_before_gemini_3(model) is is_before
