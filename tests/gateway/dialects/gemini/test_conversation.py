"""Turns of a conversation as messages."""

import pytest

from gateway.dialects.gemini.conversation import Conversation
from gateway.dialects.gemini.fields import Fields
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.gemini_thoughts import pack


def messages(*contents: JsonObject) -> tuple[list[JsonObject], list[str]]:
    conversation = Conversation([])
    for at, content in enumerate(contents):
        conversation.add(Fields.of(content, f"contents[{at}]"))
    return conversation.messages, conversation.untranslated


def user(*parts: JsonObject) -> JsonObject:
    return {"role": "user", "parts": [*parts]}


def model(*parts: JsonObject) -> JsonObject:
    return {"role": "model", "parts": [*parts]}


def test_texts() -> None:
    assert messages(
        user({"text": "a"}), model({"text": "b"}, {"text": "c"}), {"parts": [{"text": "d"}, {"text": "e"}]}
    ) == (
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "bc"},
            {"role": "user", "content": [{"type": "text", "text": "d"}, {"type": "text", "text": "e"}]},
        ],
        [],
    )


@pytest.mark.parametrize(
    ("inline", "part"),
    [
        (
            {"mimeType": "image/png", "data": "A-_A"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,A+/A"}},
        ),
        (
            {"mime_type": "audio/mpeg", "data": "AA"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ),
        (
            {"mimeType": "video/mp4", "data": "AA"},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}},
        ),
        (
            {"mimeType": "application/pdf", "data": "AA"},
            {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ),
    ],
)
def test_inline_data(inline: JsonObject, part: JsonObject) -> None:
    assert messages(user({"inlineData": inline})) == ([{"role": "user", "content": [part]}], [])


def test_addresses_of_files() -> None:
    image: JsonObject = {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a.png"}}
    assert messages(user(image))[0][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    ]
    own: JsonObject = {"file_data": {"file_uri": "https://generativelanguage.googleapis.com/v1beta/files/x"}}
    assert messages(user({"text": "x"}, own))[1] == ["contents[0].parts[1].fileData"]


def test_calls_and_results_are_matched_by_id_or_by_name() -> None:
    found, _ = messages(
        model(
            {"functionCall": {"name": "look", "args": {"city": "Huế"}}, "thoughtSignature": "S"},
            {"functionCall": {"name": "look"}},
            {"functionCall": {"id": "c9", "name": "ask", "args": {}}},
        ),
        user(
            {"functionResponse": {"id": "c9", "name": "ask", "response": {"x": 1}}},
            {"functionResponse": {"name": "look", "response": {"result": "sun"}}},
            {"functionResponse": {"name": "look"}},
            {"text": "And?"},
        ),
    )
    assert found[0]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look", "arguments": '{"city":"Huế"}'},
            "extra_content": {"google": {"thought_signature": "S"}},
        },
        {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
        {"id": "c9", "type": "function", "function": {"name": "ask", "arguments": "{}"}},
    ]
    assert found[1:] == [
        {"role": "tool", "tool_call_id": "c9", "content": '{"x":1}'},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"result":"sun"}'},
        {"role": "tool", "tool_call_id": "call_2", "content": "{}"},
        {"role": "user", "content": "And?"},
    ]


def test_a_result_with_an_image() -> None:
    image: JsonObject = {"inlineData": {"mimeType": "image/png", "data": "AA"}}
    found, _ = messages(user({"functionResponse": {"name": "draw", "response": {}, "parts": [image]}}))
    assert found[0]["content"] == [
        {"type": "text", "text": "{}"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]


def test_signed_reasoning_of_another_provider_comes_back() -> None:
    details: list[JsonObject] = [{"type": "reasoning.text", "text": "Hm", "signature": "A", "format": "anthropic"}]
    found, _ = messages(
        model({"text": "Hm", "thought": True}, {"functionCall": {"name": "look"}, "thoughtSignature": pack(details)})
    )
    assert found[0]["reasoning_details"] == details
    assert "reasoning_content" not in found[0]
    assert isinstance(calls := found[0]["tool_calls"], list)
    assert isinstance(call := calls[0], dict)
    assert "extra_content" not in call


def test_thoughts_without_a_signature() -> None:
    found, _ = messages(model({"text": "Hm", "thought": True}, {"text": "x"}))
    assert found == [{"role": "assistant", "content": "x", "reasoning_content": "Hm"}]


def test_code_that_the_provider_ran_is_markdown() -> None:
    found, untranslated = messages(
        model(
            {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        )
    )
    assert found[0]["content"] == "\n```python\nprint(1)\n```\n\n```\n1\n```\n"
    assert untranslated == []


def test_a_turn_without_content_is_left_out() -> None:
    assert messages(user({"text": ""}), model({"thought": True, "text": "Hm"}), {"role": "user"}) == ([], [])


def test_the_system_instruction() -> None:
    conversation = Conversation([])
    conversation.add_system({"parts": [{"text": "a"}, {"text": "b"}]})
    conversation.add_system("c")
    assert [message["content"] for message in conversation.messages] == ["a\n\nb", "c"]
    with pytest.raises(Refused):
        conversation.add_system(5)
