"""What earlier turns carry, whichever provider wrote them."""

import re

import pytest

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.earlier_turns import (
    EarlierReasoning,
    earlier_reasoning,
    plain_reasoning,
)
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from tests.start_requests import user_message

FORMATS = [(AnthropicFormat(), "claude-sonnet-4-5"), (GeminiFormat(), "gemini-2.5-pro"), (OpenAIResponsesFormat(), "m")]
formats = pytest.mark.parametrize(("wire_format", "model"), FORMATS)

HARMLESS: JsonObject = {
    "refusal": None,
    "audio": None,
    "function_call": None,
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a.example"}}],
    "reasoning": "Hm.",
    "reasoning_content": "Hm.",
    "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "unknown"}],
    "provider_specific_fields": {"x": 1},
    "images": [],
    "tool_plan": "First, look.",
    "prefix": False,
}


def call(**more: object) -> JsonObject:
    return {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}  # type: ignore[dict-item]


def conversation(answer: JsonObject, tool: JsonObject) -> list[Message]:
    return [
        user_message("Go"),
        Message.model_validate({"role": "assistant", "content": None, **answer}),
        Message.model_validate({"role": "tool", "tool_call_id": "call_1", **tool}),
        user_message("And?"),
    ]


@formats
def test_fields_of_another_providers_answer_change_nothing(wire_format: WireFormat, model: str) -> None:
    plain = conversation({"tool_calls": [call()]}, {"content": ""})
    noisy_call = call(index=0, signature=None, provider_specific_fields=None, caller={"type": "direct"})
    noisy = conversation({"tool_calls": [noisy_call], **HARMLESS}, {"content": None})
    assert wire_format.body(UpstreamRequest(model, noisy, {})) == wire_format.body(UpstreamRequest(model, plain, {}))


@formats
@pytest.mark.parametrize("field", ["audio", "function_call"])
def test_what_can_not_be_left_out_is_named(wire_format: WireFormat, model: str, field: str) -> None:
    messages = [user_message("Go"), Message.model_validate({"role": "assistant", "content": "a", field: {"id": "x"}})]
    with pytest.raises(UnsupportedOption, match=re.escape(f"messages[1].{field}: ")):
        wire_format.body(UpstreamRequest(model, messages, {}))


@formats
def test_a_refusal_is_text_of_the_answer(wire_format: WireFormat, model: str) -> None:
    messages = [user_message("Go"), Message.model_validate({"role": "assistant", "content": "", "refusal": "I can't."})]
    assert "I can't." in str(wire_format.body(UpstreamRequest(model, [*messages, user_message("Why?")], {})))


@formats
def test_answers_without_content_are_taken(wire_format: WireFormat, model: str) -> None:
    messages = [
        user_message("Go"),
        Message.model_validate({"role": "assistant", "content": None}),
        user_message("Well?"),
    ]
    assert wire_format.body(UpstreamRequest(model, messages, {}))


def detail(kind: str, **fields: object) -> JsonObject:
    return {"type": f"reasoning.{kind}", **fields}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("fields", "wire_format", "found"),
    [
        ({}, "anthropic", []),
        ({"reasoning_details": None, "thinking_blocks": None}, "anthropic", []),
        (
            {"thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "S"}, {"type": "x", "data": "D"}]},
            "anthropic",
            [EarlierReasoning("a", "S"), EarlierReasoning(data="D")],
        ),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "S"}]}, "openai-responses", []),
        (
            {"reasoning_details": [detail("text", text="a", signature="S", format="anthropic-claude-v1")]},
            "anthropic",
            [EarlierReasoning("a", "S")],
        ),
        (
            {
                "reasoning_details": [
                    *(detail("text", text="a"), detail("text", text="b"), detail("text", text="", signature="S")),
                    *(detail("encrypted", data="D"), detail("text", text="c", signature="T"), detail("text", text="d")),
                ]
            },
            "anthropic",
            [
                *(EarlierReasoning("ab", "S"), EarlierReasoning(data="D")),
                *(EarlierReasoning("c", "T"), EarlierReasoning("d")),
            ],
        ),
        ({"reasoning_details": [detail("text", text="a", signature="S", format="google-gemini-v1")]}, "anthropic", []),
        ({"reasoning_details": [detail("encrypted", data="D")]}, "openai-responses", []),
        (
            # A summary is none of the text that is signed.
            {"reasoning_details": [detail("summary", summary="s"), detail("text", text="a", signature="S")]},
            "anthropic",
            [EarlierReasoning("a", "S")],
        ),
        (
            {"reasoning_details": [detail("encrypted", data="D", format="openai-responses-v1", id="rs_1")]},
            "openai-responses",
            [EarlierReasoning(data="D", id="rs_1")],
        ),
    ],
)
def test_reasoning_that_a_format_wrote(fields: JsonObject, wire_format: str, found: list[EarlierReasoning]) -> None:
    assert [each._replace(format="") for each in earlier_reasoning(fields, wire_format)] == found


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"reasoning": "a"}, "a"), ({"reasoning_content": "b"}, "b"), ({"reasoning": {}}, ""), ({}, "")],
)
def test_reasoning_as_plain_text(fields: JsonObject, text: str) -> None:
    assert plain_reasoning(fields) == text
