"""The conversation of a request in OpenAI's form."""

import pytest
from pydantic import JsonValue

from gateway.dialects.anthropic.conversation import Conversation
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused


def translated(*messages: JsonValue, system: JsonValue = None) -> list[JsonValue]:
    """Return the messages of a conversation with nothing that can't be translated."""
    translation = Conversation()
    translation.add_conversation({"messages": [*messages], "system": system})
    assert translation.untranslated == []
    return translation.messages


USER: JsonObject = {"role": "user", "content": "Hello"}


def test_the_system_prompt() -> None:
    blocks: list[JsonValue] = [{"type": "text", "text": "a", "cache_control": {}}, {"type": "text", "text": "b"}]
    assert translated(USER, system="a") == [{"role": "system", "content": "a"}, USER]
    assert translated(USER, system=blocks) == [{"role": "system", "content": "a\n\nb"}, USER]


def test_a_block_for_accounting_is_left_out() -> None:
    blocks: list[JsonValue] = [
        {"type": "text", "text": "x-anthropic-billing-header: a=1"},
        {"type": "text", "text": "b"},
    ]
    assert translated(USER, system=blocks) == [{"role": "system", "content": "b"}, USER]


def test_instructions_between_the_turns() -> None:
    system: JsonObject = {"role": "system", "content": [{"type": "text", "text": "Be brief."}], "output_config": {}}
    assert translated(USER, system) == [USER, {"role": "system", "content": "Be brief."}]


def test_results_of_tools() -> None:
    turn: JsonObject = {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "21"},
            {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "no"}], "is_error": True},
            {"type": "tool_result", "tool_use_id": "c"},
            {"type": "text", "text": "Go on."},
        ],
    }
    assert translated(turn) == [
        {"role": "tool", "tool_call_id": "a", "content": "21"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: no"},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "user", "content": "Go on."},
    ]


def test_images_of_results_follow_them() -> None:
    image: JsonObject = {"type": "image", "source": {"type": "url", "url": "https://a.example"}}
    results: list[JsonValue] = [
        {"type": "tool_result", "tool_use_id": "a", "content": [image]},
        {"type": "tool_result", "tool_use_id": "b", "content": "21"},
    ]
    first, second, third = translated({"role": "user", "content": results})
    assert isinstance(first, dict)
    assert isinstance(third, dict)
    assert (first["role"], first["tool_call_id"]) == ("tool", "a")
    assert second == {"role": "tool", "tool_call_id": "b", "content": "21"}
    assert third["role"] == "user"
    assert third["content"] == [
        {"type": "text", "text": "Returned by the call a:"},
        {"type": "image_url", "image_url": {"url": "https://a.example"}},
    ]


def test_an_unknown_role_is_named() -> None:
    translation = Conversation()
    translation.add_conversation({"messages": [{"role": "critic", "content": "a"}]})
    assert translation.untranslated == ["messages[0].role (critic)"]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        ([1], "messages[0]"),
        ([{"content": "a"}], "messages[0].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "tool_result"}]}], "messages[0].content[0].tool_use_id"),
    ],
)
def test_malformed_messages(messages: JsonValue, param: str) -> None:
    with pytest.raises(Refused) as refused:
        Conversation().add_conversation({"messages": messages})
    assert refused.value.param == param
