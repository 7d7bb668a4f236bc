"""Prompts and answers in spans: text and calls of tools, bounded, and no images."""

import json

from gateway.protocol.messages import Message
from gateway.telemetry.traces.content import MAX_TEXT, input_messages, output_messages


def parts(**message: object) -> object:
    (written,) = json.loads(input_messages([Message.model_validate(message)]))
    assert written["role"] == message["role"]
    return written["parts"]


def test_texts() -> None:
    assert parts(role="user", content="hello") == [{"type": "text", "content": "hello"}]
    content = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:secret"}}]
    assert parts(role="user", content=content) == [{"type": "text", "content": "see"}, {"type": "image_url"}]


def test_tools() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}, {"type": "custom"}]
    assert parts(role="assistant", content=None, tool_calls=calls) == [
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"},
        {"type": "tool_call"},
    ]
    assert parts(role="tool", content="42", tool_call_id="c1") == [
        {"type": "tool_call_response", "id": "c1", "response": "42"}
    ]


def test_long_texts_are_cut() -> None:
    ((message),) = json.loads(output_messages("x" * (2 * MAX_TEXT), None))
    assert len(message["parts"][0]["content"]) == MAX_TEXT + 1
    assert message["finish_reason"] == "error"
