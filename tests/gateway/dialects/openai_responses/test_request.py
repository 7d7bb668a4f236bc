"""A request of the Responses API."""

import pytest

from gateway.dialects.base import Call
from gateway.dialects.openai_responses.request import parse_call
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused
from gateway.upstreams.formats.sealed_reasoning import seal
from tests.gateway.dialects.openai_responses.logs import start_of


def test_options_have_their_names_of_chat_completions() -> None:
    schema = {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True}
    request = start_of(
        stream=True,
        max_output_tokens=99,
        temperature=0.5,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": schema, "verbosity": "low"},
        safety_identifier="u1",
        top_logprobs=2,
        metadata={"a": "b"},
    )
    assert request.stream
    assert request.request.metadata == {"a": "b"}
    assert request.request.options.for_provider() == {
        "max_tokens": 99,
        "temperature": 0.5,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
        },
        "user": "u1",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_a_provider_with_this_api_gets_the_request_as_it_came_and_stores_nothing() -> None:
    start = start_of(
        store=True, client_metadata={"x": "y"}, include=["a"], reasoning={"effort": "low"}, background=True
    )
    assert start.verbatim is not None
    assert start.verbatim.body == {
        "model": "m",
        "input": "Hi",
        "client_metadata": {"x": "y"},
        "include": ["a", "reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "store": False,
    }
    assert start.verbatim.only == ""


def test_a_provider_with_this_api_gets_no_reasoning_that_it_can_t_read() -> None:
    theirs = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    stored = {"type": "reasoning", "id": "rs_1", "summary": []}
    foreign = {"type": "reasoning", "summary": [], "encrypted_content": seal({"format": "anthropic", "signature": "s"})}
    user = {"role": "user", "content": "Hi"}

    start = start_of(input=[theirs, stored, foreign, user])

    assert start.verbatim is not None
    assert start.verbatim.body["input"] == [theirs, user]


def test_stored_items_take_the_place_of_the_input() -> None:
    earlier: list[JsonObject] = [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}]
    start = parse_call(
        Call({"input": "Three", "previous_response_id": "resp_1"}), [*earlier, {"role": "user", "content": "Three"}]
    )
    assert [message.content for message in start.request.messages] == ["One", "Two", "Three"]
    assert start.verbatim is not None
    assert start.verbatim.body.keys() == {"input", "store"}


@pytest.mark.parametrize(
    ("field", "only"),
    [
        ({"prompt": {"id": "p"}}, "prompt: the provider of this model does not support it: leave it out."),
        ({"tools": [{"type": "mcp"}]}, "tools[0]: the provider of this model does not support it (mcp): leave it out."),
        (
            {"input": [{"type": "shell_call"}, {"role": "user", "content": "x"}]},
            "input[0]: the provider of this model does not support it (shell_call): leave it out.",
        ),
    ],
)
def test_what_changes_the_answer_is_refused_before_another_provider(field: dict[str, object], only: str) -> None:
    verbatim = start_of(**field).verbatim
    assert verbatim is not None
    assert verbatim.only == only


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ({"input": []}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": 1}, "text"),
        ({"reasoning": 1}, "reasoning"),
        ({"include": 1}, "include"),
        ({"stream": "true"}, "stream"),
        ({"store": 0}, "store"),
        ({"background": "no"}, "background"),
        ({"generate": 1}, "generate"),
        ({"temperature": 9}, "temperature"),
    ],
)
def test_an_invalid_field_is_refused_by_its_own_name(field: dict[str, object], param: str) -> None:
    with pytest.raises(Refused) as caught:
        start_of(**field)
    assert caught.value.param == param
    assert caught.value.message.startswith(param)
