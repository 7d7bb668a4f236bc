"""The assistant's earlier turns in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.anthropic.earlier_answers import translate_answer
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.sealed_reasoning import seal

CALL: JsonObject = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}


def translated(*blocks: JsonValue) -> JsonObject | None:
    """Return the message of an answer with nothing that can't be translated."""
    untranslated: list[str] = []
    message = translate_answer([*blocks], "content", untranslated)
    assert untranslated == []
    return message


def test_a_text() -> None:
    assert translate_answer("a", "content", []) == {"role": "assistant", "content": "a"}
    assert translated({"type": "text", "text": "a"}, {"type": "text", "text": "b"}) == {
        "role": "assistant",
        "content": "ab",
    }


def test_calls() -> None:
    assert translated({"type": "text", "text": "a"}, CALL) == {
        "role": "assistant",
        "content": "a",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
    }


def test_reasoning_goes_back_to_who_wrote_it() -> None:
    message = translated(
        {"type": "thinking", "thinking": "a", "signature": "c2ln"},
        {"type": "thinking", "thinking": "b", "signature": seal({"format": "gemini", "signature": "x"})},
        {"type": "redacted_thinking", "data": "enc"},
        {"type": "redacted_thinking", "data": seal({"format": "openai-responses", "data": "y", "id": "rs"})},
        {"type": "redacted_thinking", "data": seal({"format": "gemini", "call": "t1", "signature": "z"})},
        CALL,
    )
    assert message is not None
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "a", "signature": "c2ln", "format": "anthropic"},
        {"type": "reasoning.text", "text": "b", "signature": "x", "format": "gemini"},
        {"type": "reasoning.encrypted", "data": "enc", "format": "anthropic"},
        {"type": "reasoning.encrypted", "format": "openai-responses", "data": "y", "id": "rs"},
    ]
    assert message["tool_calls"][0]["signature"] == "z"  # type: ignore[index, call-overload]


def test_reasoning_without_a_signature() -> None:
    message = translated({"type": "thinking", "thinking": "a", "signature": ""}, {"type": "text", "text": "b"})
    assert message == {"role": "assistant", "content": "b", "reasoning_content": "a"}


def test_an_answer_of_which_nothing_is_left() -> None:
    assert translated({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}) is None
    assert translate_answer("", "content", []) is None


def test_a_call_needs_an_id() -> None:
    with pytest.raises(Refused) as refused:
        translated({"type": "tool_use", "name": "f"})
    assert refused.value.param == "content[0]"
