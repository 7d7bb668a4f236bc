"""A request of the Messages API."""

import pytest
from pydantic import JsonValue

from gateway.dialects.anthropic.request import parse_call
from gateway.dialects.base import Call
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused

BODY: JsonObject = {
    "model": "claude-kit",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hello"}],
    "stream": True,
    "top_k": 5,
    "new_field": {"a": 1},
}
HEADERS = {"anthropic-beta": "a,b", "anthropic-version": "2026-10-21", "x-api-key": "secret", "user-agent": "x"}


def test_a_request() -> None:
    start = parse_call(Call(BODY, headers=HEADERS))
    assert start.stream
    assert start.request.model == "claude-kit"
    assert [message.role for message in start.request.messages] == ["system", "user"]
    assert start.request.options.max_tokens == 100


def test_a_provider_with_the_same_api_gets_the_body_as_it_came() -> None:
    verbatim = parse_call(Call(BODY, headers=HEADERS)).verbatim
    assert verbatim is not None
    assert verbatim.body is BODY
    assert verbatim.headers == {"anthropic-beta": "a,b", "anthropic-version": "2026-10-21"}
    assert verbatim.only == "top_k: the provider of this model does not support it: leave it out."


@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": 1}])
def test_a_model_is_needed(body: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        parse_call(Call({**BODY, "model": None, **body}))
    assert refused.value.param == "model"


def test_it_is_not_streamed_unless_it_says_so() -> None:
    assert not parse_call(Call({**BODY, "stream": None})).stream


@pytest.mark.parametrize(
    ("fields", "only"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "text", "words": []}]}]}, "messages[0].content[0].text:"),
        ({"tool_choice": {"type": "some"}}, "tool_choice:"),
        ({"temperature": 7}, "temperature:"),
    ],
)
def test_what_cannot_be_read_goes_to_a_provider_with_this_api_alone(fields: JsonObject, only: str) -> None:
    start = parse_call(Call({**BODY, **fields}))
    assert start.verbatim is not None
    assert start.verbatim.only.startswith(only)
    assert start.request.options.max_tokens == 100
    assert isinstance(start.request.messages[0].content, str)


@pytest.mark.parametrize("messages", [None, [], "Hello", {}])
def test_messages_are_needed(messages: JsonValue) -> None:
    with pytest.raises(Refused) as refused:
        parse_call(Call({**BODY, "messages": messages}))
    assert refused.value.param == "messages"


def test_stream_is_true_or_false() -> None:
    with pytest.raises(Refused) as refused:
        parse_call(Call({**BODY, "stream": "true"}))
    assert refused.value.param == "stream"
