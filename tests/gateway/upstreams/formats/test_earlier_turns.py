"""What earlier turns carry, whichever provider wrote them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.commands import JsonObject, Message
from gateway.protocol.errors import UnsupportedOption
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import WireFormat
from gateway.upstreams.formats.earlier_turns import (
    EarlierReasoning,
    ToolIds,
    call_signature,
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
            {"reasoning_details": [detail("encrypted", data="D", format="openai-responses-v1", id="rs_1")]},
            "openai-responses",
            [EarlierReasoning(data="D", id="rs_1")],
        ),
    ],
)
def test_reasoning_that_a_format_wrote(fields: JsonObject, wire_format: str, found: list[EarlierReasoning]) -> None:
    assert earlier_reasoning(fields, wire_format) == found


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"reasoning": "a"}, "a"), ({"reasoning_content": "b"}, "b"), ({"reasoning": {}}, ""), ({}, "")],
)
def test_reasoning_as_plain_text(fields: JsonObject, text: str) -> None:
    assert plain_reasoning(fields) == text


def test_the_signature_of_a_call() -> None:
    google: JsonObject = {"extra_content": {"google": {"thought_signature": "G"}}}
    given: list[JsonObject] = [call(), call(**google), call(signature="S", **google)]
    assert [call_signature(each) for each in given] == ["", "G", "S"]


def test_an_id_of_another_provider_is_the_same_for_call_and_result() -> None:
    ids = ToolIds(r"[a-zA-Z0-9_-]+")
    mapped = ids.of_call("functions.weather:0")
    assert re.fullmatch(r"functions_weather_0_[0-9a-f]{8}", mapped)
    assert ids.of_result("functions.weather:0") == mapped == ToolIds(r"[a-zA-Z0-9_-]+").of_call("functions.weather:0")
    assert ids.of_call("toolu_01") == "toolu_01"
    assert ids.of_result("unknown") == "unknown"


def test_ids_that_are_used_again_are_told_apart_in_order() -> None:
    ids = ToolIds()
    calls = [ids.of_call("call_0") for _ in range(3)]
    assert calls[0] == "call_0"
    assert len(set(calls)) == 3
    assert [ids.of_result("call_0") for _ in range(4)] == [*calls, calls[-1]]


@given(st.lists(st.text(max_size=100) | st.sampled_from(["a.b", "a:b", "a_b", ""]), max_size=12))
def test_mapped_ids_are_allowed_and_unique(call_ids: list[str]) -> None:
    ids = ToolIds(r"[a-zA-Z0-9_-]+")
    mapped = [ids.of_call(call_id) for call_id in call_ids]
    assert len({*mapped}) == len(mapped)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in mapped)
    assert sorted(ids.of_result(call_id) for call_id in call_ids) == sorted(mapped)
