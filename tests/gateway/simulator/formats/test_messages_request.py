"""Parsing of request bodies of `POST /v1/messages`."""

import orjson
import pytest
from pydantic import JsonValue

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.messages_request import NEWEST_VERSION, parse_messages
from gateway.simulator.request import Function, Request, Turn

USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "21 degrees"}
USER = {"role": "user", "content": "hi"}


def parse(*version: str, **fields: object) -> Request:
    body = {"model": "sim", "max_tokens": 9, "messages": [USER], **fields}
    return parse_messages(orjson.dumps(body), {"anthropic-version": (*version, "2023-06-01")[0]})


def test_content_may_be_text_or_blocks_and_images_are_ignored() -> None:
    blocks = [{"type": "text", "text": "look"}, {"type": "image", "source": {}}, {"type": "text", "text": "here"}]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    messages = [USER, {"role": "assistant", "content": "x"}, {"role": "user", "content": blocks}]
    request = parse(messages=messages, system=system)
    assert request.turns == (
        Turn("system", "Be brief."),
        Turn("user", "hi"),
        Turn("assistant", "x"),
        Turn("user", "look here"),
    )


def test_results_are_turns_of_their_own_before_the_text() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    request = parse(
        messages=[
            USER,
            {"role": "assistant", "content": [thinking, {"type": "text", "text": "wait"}, USE]},
            {"role": "user", "content": [RESULT, {"type": "text", "text": "so?"}]},
        ]
    )
    assert request.turns[1:] == (Turn("assistant", "wait"), Turn("tool", "21 degrees"), Turn("user", "so?"))


def test_tools_need_a_schema_except_those_of_anthropic() -> None:
    schema: dict[str, JsonValue] = {"type": "object", "properties": {}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    assert parse(tools=[{"name": "look", "input_schema": schema}, search]).tools == (
        Function(name="look", parameters=schema),
        Function(name="web_search"),
    )


def test_empty_instructions_are_none() -> None:
    assert parse(system="").turns == (Turn("user", "hi"),)


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "1999-01-01"}])
def test_version_is_required(headers: dict[str, str]) -> None:
    with pytest.raises(RequestError, match="anthropic-version") as refused:
        parse_messages(b"{}", headers)
    assert (refused.value.status, refused.value.param) == (400, "anthropic-version")


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_newest_version_refuses_sampling_parameters(name: str) -> None:
    assert parse(**{name: 1}).model == "sim"
    with pytest.raises(RequestError, match=name):
        parse(NEWEST_VERSION, **{name: 1})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"n": 1}, "'n': Extra inputs"),
        ({"stop": ["a"]}, "'stop': Extra inputs"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'must use the "user" role'),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'must use the "user" role'),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": ""}]}, "content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "non-empty text"),
        ({"messages": [{"role": "user", "content": []}]}, "content"),
        ({"messages": [USER, {"role": "assistant", "content": [USE]}]}, "without `tool_result` blocks.*toolu_1"),
        ({"messages": [USER, {"role": "assistant", "content": [USE]}, USER]}, "without `tool_result` blocks"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "must have a `tool_use` block.*toolu_1"),
        ({"messages": [USER, {"role": "assistant", "content": [{"type": "tool_use"}]}]}, "non-empty id"),
        ({"tools": [{"name": "look"}]}, "input_schema"),
        ({"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools"),
        ({"stop_sequences": [""]}, "stop_sequences"),
    ],
)
def test_error_names_the_field_that_is_not_valid(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        parse(**fields)
    assert refused.value.status == 400
