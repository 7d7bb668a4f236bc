"""Deltas of what is not text."""

import pytest
from pydantic import JsonValue

from gateway.dialects.openai_chat.parts import field_of, function_call, part, signed_reasoning, tool_call
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Part, SignedReasoning, ToolCall


@pytest.mark.parametrize(
    ("call", "delta"),
    [
        (
            ToolCall(0, "c", "f", ""),
            {"index": 2, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}},
        ),
        (ToolCall(0, None, None, '{"a'), {"index": 2, "function": {"arguments": '{"a'}}),
        (
            ToolCall(0, "c", "sql", "select"),
            {"index": 2, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}},
        ),
        (
            ToolCall(0, None, None, "", "sig"),
            {
                "index": 2,
                "function": {"arguments": ""},
                "extra_content": {"google": {"thought_signature": "sig"}},
            },
        ),
    ],
)
def test_a_piece_of_a_tool_call(call: ToolCall, delta: JsonObject) -> None:
    assert tool_call(call, 2, is_custom=call.name == "sql") == {"tool_calls": [delta]}


def test_a_piece_of_a_function_call() -> None:
    assert function_call(ToolCall(0, "c", "f", "")) == {"function_call": {"name": "f", "arguments": ""}}
    assert function_call(ToolCall(0, None, None, "{}")) == {"function_call": {"arguments": "{}"}}


def test_a_signature_comes_with_the_text_that_it_signs() -> None:
    detail: JsonObject = {"type": "reasoning.text", "text": "ab", "signature": "s", "format": "anthropic", "index": 1}
    signed = signed_reasoning(SignedReasoning("b", "s", "anthropic"), "ab", 1)
    assert signed == {"reasoning_content": "b", "reasoning_details": [detail]}


SOURCE: JsonObject = {"type": "url_citation", "url_citation": {"start_index": 3, "end_index": 4}}
CITATION: dict[str, JsonValue] = {"url": "https://a", "title": "A", "text": "T", "format": "openai"}


@pytest.mark.parametrize(
    ("kind", "fields", "delta"),
    [
        (
            "image",
            {"media_type": "image/png", "data": "AA=="},
            {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}, "index": 0}]},
        ),
        (
            "image",
            {"media_type": None, "url": "https://a"},
            {"images": [{"type": "image_url", "image_url": {"url": "https://a"}, "index": 0}]},
        ),
        ("audio", {"media_type": "audio/wav", "data": "AA=="}, {"audio": {"data": "AA=="}}),
        (
            "file",
            {"media_type": None, "data": "AA=="},
            {
                "files": [
                    {
                        "type": "file",
                        "file": {"file_data": "data:application/octet-stream;base64,AA==", "media_type": None},
                        "index": 0,
                    }
                ]
            },
        ),
        (
            "citation",
            {**CITATION, "source": SOURCE},
            {
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 3,
                            "end_index": 4,
                            "url": "https://a",
                            "title": "A",
                            "content": "T",
                        },
                        "index": 0,
                    }
                ]
            },
        ),
        (
            "citation",
            {"url": None, "title": None, "text": None},
            {
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 0, "url": "", "title": ""},
                        "index": 0,
                    }
                ]
            },
        ),
        (
            "redacted_reasoning",
            {"data": "d", "format": "anthropic"},
            {"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "format": "anthropic", "index": 0}]},
        ),
        ("server_tool", {"name": "web_search", "block": {}}, {}),
    ],
)
def test_a_part(kind: str, fields: dict[str, JsonValue], delta: JsonObject) -> None:
    assert part(Part(kind, fields), 0) == delta
    assert field_of(Part(kind, fields)) == next(iter(delta), None)
