"""Requests of the SDK's chat transports."""

import re

import pytest

from gateway.dialects.ai_sdk.request import MESSAGE_ID, knows_reset, message_id_of, parse_call
from gateway.dialects.base import Call
from gateway.protocol.errors import Refused
from tests.gateway.dialects.ai_sdk.requests import Json, assistant, parsed, user


def test_the_chat_names_the_generation() -> None:
    start = parsed(user("Hello"), messageId=None)
    assert (start.alias, start.stream, start.verbatim, start.call.body) == ("chat", True, None, {})
    assert start.request.metadata == {}


def test_a_request_of_a_workflow_has_no_chat() -> None:
    assert parse_call(Call({"messages": [user("Hello")]})).alias == ""


def test_what_the_application_adds_has_the_names_of_a_native_start() -> None:
    schema: Json = {"type": "object"}
    start = parsed(
        user("Hello"),
        model="m",
        system="Be brief.",
        temperature=0.5,
        options={"max_tokens": 9},
        metadata={"user": "u"},
        tools={"look": {"inputSchema": schema}},
        toolChoice={"type": "tool", "toolName": "look"},
    ).request
    assert start.messages[0].model_dump() == {"role": "system", "content": "Be brief."}
    assert (start.model, start.metadata) == ("m", {"user": "u"})
    assert (start.options.temperature, start.options.max_tokens) == (0.5, 9)
    assert start.options.tools == [{"type": "function", "function": {"name": "look", "parameters": schema}}]
    assert start.options.tool_choice == {"type": "function", "function": {"name": "look"}}


def test_results_of_tools_continue_their_message() -> None:
    start = parsed(user("Hello"), assistant("Let me see."))
    assert start.request.metadata == {MESSAGE_ID: "a1"}
    assert message_id_of("g_1", start.request.metadata) == "a1"


def test_a_new_message_is_named_by_its_generation() -> None:
    assert message_id_of("g_1", {}) == "msg_1"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": 1}, "id: must be a string of at most 256 characters."),
        ({"id": "x" * 257}, "id: must be a string of at most 256 characters."),
        ({"trigger": "other"}, "trigger: must be one of submit-message, regenerate-message."),
        ({"messages": None}, "messages: is missing: send all messages of the chat"),
        ({"messages": "Hello"}, "messages: must be a list."),
        ({"messages": []}, "messages: "),
        ({"modle": "m"}, "modle: "),
        ({"temperature": 9}, "temperature: "),
        ({"messages": [assistant("a", id="x" * 257)]}, "messages[0].id: must have at most 256 characters."),
    ],
)
def test_what_is_not_valid_is_named(fields: Json, problem: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(problem)}"):
        parsed(user("Hello"), **fields)


@pytest.mark.parametrize(
    ("version", "expected"),
    [(None, True), ("", True), ("7", True), ("7.0.173", True), ("6.0.326", False), ("5", False)],
)
def test_versions_that_know_how_to_reset(version: str | None, expected: bool) -> None:
    assert knows_reset({} if version is None else {"x-ai-sdk-version": version}) is expected


@pytest.mark.parametrize("version", ["latest", "v7", "²", "99999"])
def test_a_version_that_is_none(version: str) -> None:
    with pytest.raises(Refused, match=r"^x-ai-sdk-version: must be a version"):
        knows_reset({"x-ai-sdk-version": version})
