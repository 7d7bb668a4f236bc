"""The items of a request's input."""

import pytest
from pydantic import JsonValue

from gateway.dialects.openai_responses.conversation import input_items, messages_of
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.sealed_reasoning import seal, seal_call


def messages(*items: JsonObject) -> list[JsonObject]:
    return messages_of(items, None).messages


def test_a_string_is_a_message_of_the_user() -> None:
    assert messages(*input_items("Hi")) == [{"role": "user", "content": "Hi"}]


def test_instructions_come_first() -> None:
    assert messages_of(input_items("Hi"), "Be brief.").messages[0] == {"role": "system", "content": "Be brief."}


def test_a_turn_of_the_assistant_is_one_message() -> None:
    turn = messages(
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": 'a"b'},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
    )
    assert turn == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_details": [
                {"type": "reasoning.encrypted", "data": "gAAAA", "format": "openai-responses", "id": "rs_1"}
            ],
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "p", "arguments": '{"input":"a\\"b"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]


def test_parts_are_those_of_chat_completions() -> None:
    parts: list[JsonObject] = [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
    ]
    [message] = messages({"role": "user", "content": [*parts]})
    assert message["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
    ]


def test_redacted_thinking_comes_back() -> None:
    [message] = messages(
        {"type": "reasoning", "summary": [], "encrypted_content": seal({"format": "anthropic", "data": "d"})}
    )
    assert message["reasoning_details"] == [{"type": "reasoning.encrypted", "format": "anthropic", "data": "d"}]


def test_plain_reasoning_is_kept_as_text() -> None:
    [message] = messages({"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]})
    assert message["reasoning_content"] == "Hm."


def test_a_thought_signature_may_stand_before_its_call() -> None:
    sealed: JsonObject = {"type": "reasoning", "encrypted_content": seal_call("c1", "s")}
    call: JsonObject = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    assert messages(sealed, call) == messages(call, sealed)


def test_what_only_this_api_can_read_is_named() -> None:
    image: JsonObject = {"type": "input_image", "file_id": "file-1"}
    conversation = messages_of(
        [
            {"type": "computer_call_output", "call_id": "c"},
            {"type": "web_search_call"},
            {"role": "user", "content": [image]},
        ],
        None,
    )
    assert conversation.untranslated == [
        "input[0] (computer_call_output)",
        "input[2].content[0] (input_image)",
    ]


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "message", "role": "critic", "content": ""}, "input[0].role"),
        ({"type": "function_call", "call_id": "c", "arguments": "{}"}, "input[0].name"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0].output"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0]"),
        ({"role": "user", "content": [{"text": "Hi"}]}, "input[0].content[0].type"),
        ({}, "input[0].type"),
    ],
)
def test_an_invalid_item_is_refused_by_its_place(item: JsonObject, param: str) -> None:
    with pytest.raises(Refused) as caught:
        messages(item)
    assert caught.value.param == param


@pytest.mark.parametrize(("value", "param"), [(None, "input"), (["x"], "input[0]")])
def test_an_input_of_another_type_is_refused(value: JsonValue, param: str) -> None:
    with pytest.raises(Refused) as caught:
        input_items(value)
    assert caught.value.param == param


def test_instructions_of_another_type_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        messages_of([], [{"role": "user", "content": "Hello"}])
    assert caught.value.param == "instructions"


def test_a_turn_of_many_messages_takes_linear_time() -> None:
    count = 30_000
    said: JsonObject = {"role": "assistant", "content": "x"}
    # With a copy of the turn for each message, this takes ten seconds.
    (message,) = messages(*[said] * count)
    assert message["content"] == [{"type": "text", "text": "x"}] * count
