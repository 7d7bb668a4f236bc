"""Turns of Anthropic's API: thinking that is given back, and ids of tool calls."""

from collections.abc import Sequence

import pytest

from gateway.protocol.commands import JsonObject, Message
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.formats.anthropic import AnthropicFormat
from tests.start_requests import user_message

SIGNED: JsonObject = {"type": "reasoning.text", "text": "Hm.", "signature": "SIG", "format": "anthropic"}
ENCRYPTED: JsonObject = {"type": "reasoning.encrypted", "data": "EmwK", "format": "anthropic"}
THINKING: JsonObject = {"type": "thinking", "thinking": "Hm.", "signature": "SIG"}
REDACTED: JsonObject = {"type": "redacted_thinking", "data": "EmwK"}


def answer(content: object = None, call_id: object = "toolu_1", **fields: object) -> Message:
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return Message.model_validate({"role": "assistant", "content": content, "tool_calls": [call], **fields})


def result(call_id: str = "toolu_1") -> Message:
    return Message.model_validate({"role": "tool", "content": "20", "tool_call_id": call_id})


def body(
    messages: Sequence[Message], model: str = "claude-sonnet-4-5", effort: str | None = "low"
) -> tuple[list[JsonObject], object]:
    """Return the blocks of the first answer, and `thinking`."""
    options: JsonObject = {} if effort is None else {"reasoning_effort": effort}
    built = AnthropicFormat().body(UpstreamRequest(model, messages, options))
    turns = built["messages"]
    assert isinstance(turns, list)
    return turns[1]["content"], built.get("thinking")  # type: ignore[index, call-overload, return-value]


CALL: JsonObject = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
TEXT: JsonObject = {"type": "text", "text": "Look."}


@pytest.mark.parametrize(
    ("given_back", "blocks"),
    [
        ({"reasoning_details": [SIGNED, ENCRYPTED]}, [THINKING, REDACTED]),
        ({"reasoning_details": [ENCRYPTED]}, [REDACTED]),
        ({"thinking_blocks": [THINKING, REDACTED]}, [THINKING, REDACTED]),
        ({"thinking_blocks": [THINKING], "reasoning_details": [SIGNED]}, [THINKING]),
        ({"content": [THINKING, TEXT], "reasoning_details": [SIGNED]}, [THINKING]),
    ],
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_thinking_is_given_back_before_text_and_calls(
    given_back: JsonObject, blocks: list[JsonObject], model: str
) -> None:
    built, thinking = body([user_message("Go"), answer(**{"content": "Look.", **given_back}), result()], model)
    assert built == [*blocks, TEXT, CALL]
    assert isinstance(thinking, dict)
    assert thinking["type"] in {"enabled", "adaptive"}


@pytest.mark.parametrize(
    "given_back",
    [
        {},
        {"reasoning_content": "Hm."},
        {"reasoning_details": [{**SIGNED, "format": "google-gemini-v1"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "g", "format": "openai-responses-v1"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": ""}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}, TEXT]},
    ],
)
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-6"])
def test_without_thinking_to_give_back_the_turn_does_not_think(given_back: JsonObject, model: str) -> None:
    messages = [user_message("Go"), answer(**{"content": "Look.", **given_back}), result()]
    assert body(messages, model) == ([TEXT, CALL], None)
    # Also later: the API checks the last turn with calls.
    assert body([*messages, Message(role="assistant", content="20"), user_message("And?")], model)[1] is None


def test_only_the_last_turn_with_calls_needs_thinking() -> None:
    first, last = answer("Look."), answer("Again.", "toolu_2", reasoning_details=[SIGNED])
    both = [user_message("Go"), first, result(), user_message("And?"), last, result("toolu_2")]
    assert body(both)[1] == {"type": "enabled", "budget_tokens": 1024}
    assert body([user_message("Go"), Message(role="assistant", content="Yes."), user_message("And?")])[1] is not None


def test_a_server_without_signatures_gets_the_reasoning_of_a_turn_with_calls() -> None:
    messages = [user_message("Go"), answer("Look.", reasoning_content="Hm."), result()]
    unsigned: JsonObject = {**THINKING, "signature": ""}
    assert body(messages, "kimi-k2-thinking") == ([unsigned, TEXT, CALL], {"type": "enabled", "budget_tokens": 1024})
    plain = [user_message("Go"), Message.model_validate({"role": "assistant", "content": "Look.", "reasoning": "Hm."})]
    assert body([*plain, user_message("And?")], "kimi-k2-thinking")[0] == [TEXT]


def test_ids_of_other_providers_are_mapped() -> None:
    call_id = "functions.weather:0"
    turns = AnthropicFormat().body(
        UpstreamRequest("claude-sonnet-4-5", [user_message("Go"), answer(None, call_id), result(call_id)], {})
    )["messages"]
    call, answered = turns[1]["content"][0], turns[2]["content"][0]  # type: ignore[index, call-overload]
    assert call["id"] == answered["tool_use_id"]  # type: ignore[index, call-overload]
    assert str(call["id"]).startswith("functions_weather_0_")  # type: ignore[index, call-overload]


def test_an_answer_to_be_continued_has_no_thinking() -> None:
    last = Message.model_validate({"role": "assistant", "content": "Look. ", "reasoning_details": [SIGNED]})
    assert body([user_message("Go"), last], effort=None) == ([TEXT], None)
