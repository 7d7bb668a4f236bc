"""Parsing of request bodies of `POST /v1/responses`."""

import orjson
import pytest

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.responses_request import parse_response
from gateway.simulator.request import Function, Request, Turn

USER = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "21 degrees"}


def parse(**fields: object) -> Request:
    return parse_response(orjson.dumps({"model": "sim", "input": "hi", **fields}))


def test_input_may_be_plain_text() -> None:
    assert parse(instructions="Be brief.").turns == (Turn("system", "Be brief."), Turn("user", "hi"))


def test_parts_are_joined_and_images_ignored() -> None:
    image = {"type": "input_image", "image_url": "x"}
    question = [{"type": "input_text", "text": "a"}, image, {"type": "input_text", "text": "b"}]
    reply = [{"type": "output_text", "text": "c", "annotations": []}]
    contents = {"developer": "x", "user": question, "assistant": reply}
    items = [{"role": role, "content": content} for role, content in contents.items()]
    assert parse(input=items).turns == (Turn("developer", "x"), Turn("user", "a b"), Turn("assistant", "c"))


def test_adjacent_items_of_the_assistant_are_one_turn() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": []}
    reply = {"type": "message", "role": "assistant", "content": "wait"}
    other = CALL | {"call_id": "call_2"}
    outputs = [OUTPUT, OUTPUT | {"call_id": "call_2", "output": [{"type": "input_text", "text": "x"}]}]
    request = parse(input=[USER, reasoning, reply, CALL, other, *outputs])
    assert request.turns[1:] == (Turn("assistant", "wait"), Turn("tool", "21 degrees"), Turn("tool", "x"))


def test_tools_that_openai_runs_are_ignored() -> None:
    tools = [{"type": "web_search"}, {"type": "function", "name": "look", "parameters": {"type": "object"}}]
    assert parse(tools=tools).tools == (Function(name="look", parameters={"type": "object"}),)


def test_stream_may_have_options_of_its_own() -> None:
    assert parse(stream=True, stream_options={"include_obfuscation": False}).stream


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"input": None}, "input", "input"),
        ({"input": []}, "input", "input"),
        ({"input": [{"role": "poet", "content": "x"}]}, "input", "role"),
        ({"input": [{"content": "x"}]}, "input", "'role'"),
        ({"input": [USER, CALL]}, "input", "no tool output found.*call_1"),
        ({"input": [USER, OUTPUT]}, "input", "no tool call found.*call_1"),
        ({"input": [{"type": "function_call", "call_id": "a"}]}, "input", "'name'"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input", "input_text"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]}, "input", "output_text"),
        ({"messages": [USER]}, "messages", "moved to 'input'"),
        ({"max_tokens": 99}, "max_tokens", "moved to 'max_output_tokens'"),
        ({"response_format": {}}, "response_format", "moved to 'text.format'"),
        ({"stop": "x"}, "stop", "Extra inputs"),
        ({"n": 1}, "n", "Extra inputs"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "include_usage"),
        ({"max_output_tokens": 15}, "max_output_tokens", "16"),
        ({"tools": [{"type": "function", "function": {"name": "look"}}]}, "tools", "'name'"),
    ],
)
def test_error_names_the_field_that_is_not_valid(fields: dict[str, object], param: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        parse(**fields)
    assert (refused.value.status, refused.value.param) == (400, param)
