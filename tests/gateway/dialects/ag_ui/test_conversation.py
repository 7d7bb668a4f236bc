"""The conversation of a run in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.ag_ui.conversation import Conversation
from gateway.protocol.commands import JsonObject, StartRequest, parse
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.sealed_reasoning import seal


def translated(*messages: JsonObject) -> list[JsonObject]:
    conversation = Conversation()
    conversation.add_messages(messages)
    # It is one that a start may have.
    parse(StartRequest, {"messages": [*conversation.messages]})
    return conversation.messages


USER: JsonObject = {"id": "1", "role": "user", "content": "Hello"}
SENT: JsonObject = {"role": "user", "content": "Hello"}
CALL: JsonObject = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
CALLING: JsonObject = {"id": "2", "role": "assistant", "toolCalls": [CALL]}
RESULT: JsonObject = {"id": "3", "role": "tool", "toolCallId": "c", "content": "21"}
SIGNED: JsonObject = {
    "id": "r",
    "role": "reasoning",
    "content": "Hm.",
    "encryptedValue": seal({"format": "anthropic", "signature": "s"}),
}
DETAIL: JsonObject = {"type": "reasoning.text", "text": "Hm.", "format": "anthropic", "signature": "s"}


def test_roles() -> None:
    assert translated(
        {"id": "a", "role": "system", "content": "a"},
        {"id": "b", "role": "developer", "content": "b"},
        {"id": "c", "role": "activity", "activityType": "x", "content": {}},
        USER,
        {"id": "d", "role": "assistant", "content": "Hi."},
        {"id": "e", "role": "assistant"},
    ) == [
        {"role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        SENT,
        {"role": "assistant", "content": "Hi."},
    ]


def test_calls_and_results() -> None:
    assert translated(USER, CALLING, RESULT) == [
        SENT,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "21"},
    ]


def test_a_call_without_a_result_is_left_out() -> None:
    half: JsonObject = {"id": "h", "type": "function", "function": {"name": "look", "arguments": '{"a'}}
    answer: JsonObject = {"id": "2", "role": "assistant", "content": "Let me see.", "toolCalls": [half]}
    assert translated(USER, answer, {**CALLING, "toolCalls": [half]}, USER) == [
        SENT,
        {"role": "assistant", "content": "Let me see."},
        SENT,
    ]


def test_an_error_of_a_tool() -> None:
    assert translated(USER, CALLING, {**RESULT, "error": "no"})[-1]["content"] == "Error: no\n\n21"


def test_an_image_of_a_tool_follows_its_results() -> None:
    image: JsonObject = {"type": "image", "source": {"type": "url", "value": "https://a.example/"}}
    sent = translated(USER, CALLING, {**RESULT, "content": [{"type": "text", "text": "See:"}, image]}, USER)
    assert sent[2]["content"] == "See:\n\n(What this call returned besides follows in the next message.)"
    assert sent[3] == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Returned by the call c:"},
            {"type": "image_url", "image_url": {"url": "https://a.example/"}},
        ],
    }
    assert sent[4] == SENT


def test_reasoning_belongs_to_the_answer_after_it() -> None:
    sent = translated(USER, SIGNED, {"id": "2", "role": "assistant", "content": "Hi."}, USER)
    assert sent[1] == {"role": "assistant", "content": "Hi.", "reasoning_details": [DETAIL]}


def test_reasoning_between_a_text_and_its_call_belongs_to_that_answer() -> None:
    sent = translated(USER, {**CALLING, "content": "Let me see."}, SIGNED, RESULT)
    assert sent[1] == {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [CALL],
        "reasoning_details": [DETAIL],
    }


def test_reasoning_after_a_result_belongs_to_the_next_answer() -> None:
    sent = translated(USER, CALLING, RESULT, SIGNED, {"id": "4", "role": "assistant", "content": "21."})
    assert "reasoning_details" not in sent[1]
    assert sent[3] == {"role": "assistant", "content": "21.", "reasoning_details": [DETAIL]}


def test_reasoning_without_an_answer_is_left_out() -> None:
    assert translated(USER, SIGNED, USER) == [SENT, SENT]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"role": "x"}, "messages[0].role (x): is not a role of AG-UI 1.0."),
        ({"role": None}, "messages[0].role: must be a string, such as user."),
        ({"role": "system", "content": 5}, "messages[0].content: must be a string."),
        ({"role": "user", "content": None}, "messages[0].content: must be a list."),
        ({"role": "tool", "content": "x"}, "messages[0].toolCallId: must be a string."),
        ({"role": "tool", "toolCallId": "c", "error": 5}, "messages[0].error: must be a string."),
        ({"role": "reasoning", "content": None}, "messages[0].content: must be a string."),
        ({"role": "assistant", "toolCalls": "x"}, "messages[0].toolCalls: must be a list."),
        ({"role": "assistant", "toolCalls": [{}]}, "messages[0].toolCalls[0]: must have an id, and a function with a"),
    ],
)
def test_what_is_refused(message: dict[str, JsonValue], problem: str) -> None:
    with pytest.raises(Refused) as refused:
        translated(message)
    assert refused.value.message.startswith(problem)
