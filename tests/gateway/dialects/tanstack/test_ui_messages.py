"""Messages as TanStack AI's clients hold them."""

import orjson

from gateway.dialects.tanstack.ui_messages import ui_messages
from gateway.protocol.commands import JsonObject

USER: JsonObject = {"id": "1", "role": "user", "content": "Hello", "metadata": {"tanstack": {"createdAt": "2026"}}}
CALL: JsonObject = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def test_a_question_and_its_answer() -> None:
    thought: JsonObject = {"id": "r", "role": "reasoning", "content": "Hm.", "encryptedValue": "s"}
    answer: JsonObject = {"id": "2", "role": "assistant", "content": "Hi."}
    assert ui_messages([USER, thought, answer]) == [
        {"id": "1", "role": "user", "parts": [{"type": "text", "content": "Hello"}], "createdAt": "2026"},
        {
            "id": "2",
            "role": "assistant",
            "parts": [
                {"type": "thinking", "content": "Hm.", "stepId": "r", "signature": "s"},
                {"type": "text", "content": "Hi."},
            ],
        },
    ]


def test_a_call_and_its_result() -> None:
    calling: JsonObject = {"id": "2", "role": "assistant", "toolCalls": [{**CALL, "encryptedValue": "s"}]}
    result: JsonObject = {"id": "3", "role": "tool", "toolCallId": "c", "content": '{"t":21}'}
    (message,) = ui_messages([calling, result])
    call: JsonObject = {"type": "tool-call", "id": "c", "name": "look", "arguments": "{}"}
    assert message["parts"] == [
        {**call, "state": "complete", "metadata": {"thoughtSignature": "s"}, "output": {"t": 21}},
        {"type": "tool-result", "toolCallId": "c", "content": '{"t":21}', "state": "complete"},
    ]


def test_a_call_without_a_result_and_a_result_that_failed() -> None:
    (message,) = ui_messages([{"id": "2", "role": "assistant", "toolCalls": [CALL]}])
    assert isinstance(message["parts"], list)
    assert message["parts"][0] == {
        "type": "tool-call",
        "id": "c",
        "name": "look",
        "arguments": "{}",
        "state": "input-complete",
    }
    failed: JsonObject = {"id": "3", "role": "tool", "toolCallId": "c", "content": "no", "error": "no"}
    (message,) = ui_messages([{"id": "2", "role": "assistant", "toolCalls": [CALL]}, failed])
    assert isinstance(message["parts"], list)
    assert [part["state"] for part in message["parts"] if isinstance(part, dict)] == ["error", "error"]


def test_media_and_instructions() -> None:
    image: JsonObject = {"type": "image", "source": {"type": "url", "value": "https://a.example/"}}
    shown = ui_messages(
        [
            {"id": "0", "role": "system", "content": "Be brief."},
            {"id": "1", "role": "user", "content": [{"type": "text", "text": "See:"}, image, {"type": "x"}]},
        ]
    )
    assert [message["role"] for message in shown] == ["system", "user"]
    assert shown[1]["parts"] == [{"type": "text", "content": "See:"}, image]


def test_what_is_no_message_is_left_out() -> None:
    assert ui_messages(["x", {"role": "activity"}, {"role": "tool", "toolCallId": "c"}, {"id": "1"}]) == []


def test_a_result_that_is_nested_too_deeply_stays_text() -> None:
    deep = "[" * 300 + "]" * 300
    calling: JsonObject = {"id": "2", "role": "assistant", "toolCalls": [CALL]}
    assert deep in str(ui_messages([calling, {"id": "3", "role": "tool", "toolCallId": "c", "content": deep}]))
    assert orjson.dumps(ui_messages([calling, {"id": "3", "role": "tool", "toolCallId": "c", "content": deep}]))
