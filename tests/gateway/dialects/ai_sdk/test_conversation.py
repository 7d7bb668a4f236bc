"""UI messages in the form of chat completions."""

import re

import pytest

from gateway.protocol.errors import Refused
from tests.gateway.dialects.ai_sdk.requests import Json, assistant, sent, text, user

STEP: Json = {"type": "step-start"}
DONE: Json = {"type": "tool-look", "toolCallId": "c1", "state": "output-available", "input": {"at": 1}, "output": "21"}
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":1}'}}


def test_a_single_text_is_a_string() -> None:
    assert sent(user("Hello")) == [{"role": "user", "content": "Hello"}]


def test_files_stand_beside_the_text_in_their_order() -> None:
    image = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="}
    assert sent(user("What", image, "is this?")) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                {"type": "text", "text": "is this?"},
            ],
        }
    ]


def test_texts_of_a_system_message_are_joined() -> None:
    assert sent(user("a", "b", role="system"), user("c"))[0] == {"role": "system", "content": "ab"}


def test_a_message_of_version_4_is_a_text() -> None:
    assert sent({"role": "user", "content": "Hello"}) == [{"role": "user", "content": "Hello"}]


def test_each_step_of_an_answer_is_a_message() -> None:
    answer = assistant(STEP, "Let me see.", DONE, STEP, "21 degrees.")
    assert sent(user("Hot?"), answer, user("Thanks")) == [
        {"role": "user", "content": "Hot?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "21"},
        {"role": "assistant", "content": "21 degrees."},
        {"role": "user", "content": "Thanks"},
    ]


def test_calls_side_by_side_are_one_message() -> None:
    (answer, first, second) = sent(assistant(STEP, DONE, {**DONE, "toolCallId": "c2"}))
    assert [call["id"] for call in answer["tool_calls"]] == ["c1", "c2"]
    assert (answer["content"], first["tool_call_id"], second["tool_call_id"]) == (None, "c1", "c2")


def test_what_is_for_the_page_alone_is_left_out() -> None:
    parts: list[Json] = [
        {"type": "source-url", "sourceId": "s", "url": "https://a.example/"},
        {"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "A"},
        {"type": "data-weather", "data": {}},
        {"type": "custom", "kind": "a.b"},
        {"type": "reasoning-file", "mediaType": "image/png", "url": "data:,"},
    ]
    assert sent(user("a", *parts[2:4]), assistant("b", *parts)) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]


@pytest.mark.parametrize("parts", [[], [STEP], [{"type": "reasoning", "text": "hm"}], [{"type": "text", "text": ""}]])
def test_an_answer_without_content_is_left_out(parts: list[Json]) -> None:
    """What failed before its first text leaves such a message in the chat."""
    assert sent(user("a"), assistant(*parts), user("b")) == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
    ]


def test_reasoning_goes_back_with_its_signature() -> None:
    signed = {"dualstream": {"signature": "c2ln", "format": "anthropic"}}
    sealed = {"dualstream": {"data": "x", "format": "anthropic"}}
    answer = assistant(
        {"type": "reasoning", "text": "hm", "providerMetadata": signed},
        {"type": "reasoning", "text": "", "providerMetadata": sealed},
        "a",
    )
    assert sent(answer)[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic"},
        {"type": "reasoning.encrypted", "data": "x", "format": "anthropic"},
    ]


def test_reasoning_without_a_signature_is_text() -> None:
    assert sent(assistant({"type": "reasoning", "text": "hm"}, "a"))[0]["reasoning_content"] == "hm"


def test_an_image_of_an_answer_goes_back() -> None:
    image = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,AA=="}
    (answer,) = sent(assistant(STEP, "Here.", image))
    assert answer["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]


def test_what_the_user_said_in_between_is_a_message_of_the_user() -> None:
    steered = {"type": "steering-message", "id": "s", "parts": [text("faster")]}
    assert [message["role"] for message in sent(assistant("a", steered, "b"))] == ["assistant", "user", "assistant"]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (user("a", role="tool"), "messages[0].role: must be one of system, user, assistant."),
        ({"role": "user"}, "messages[0].parts: must be a list."),
        (user(), "messages[0].parts: must contain a text or a file."),
        (user({"text": "a"}), "messages[0].parts[0].type: must be a string."),
        (user({"type": "text", "text": 1}), "messages[0].parts[0].text: must be a string."),
        (
            user({"type": "file", "mediaType": "image/png", "url": "blob:x"}),
            "messages[0].parts[0].url: must be a data: or https: URL; a blob: URL can be read in its page only.",
        ),
        (assistant({"type": "tool-a", "state": "new"}), "messages[0].parts[0].state: must be one of"),
        ({**user(), "parts": ["a"]}, "messages[0].parts[0]: must be an object."),
    ],
)
def test_a_message_that_is_not_valid_is_named(message: Json, problem: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(problem)}"):
        sent(message)
