"""Tool parts in every state."""

import orjson
import pytest

from gateway.dialects.ai_sdk.tool_parts import AnsweredCall, answered_call, is_tool
from gateway.protocol.errors import Refused
from tests.gateway.dialects.ai_sdk.requests import Json


def part(state: str, **fields: object) -> Json:
    return {"type": "tool-look", "toolCallId": "c1", "state": state, "input": {"at": 1}, **fields}


def answered(state: str, **fields: object) -> AnsweredCall | None:
    return answered_call(part(state, **fields), "tool-look", "p")


def result(state: str, **fields: object) -> object:
    found = answered(state, **fields)
    return None if found is None else found.result["content"]


@pytest.mark.parametrize(
    ("state", "fields", "expected"),
    [
        ("output-available", {"output": "21"}, "21"),
        ("output-available", {"output": {"c": 21}}, '{"c":21}'),
        ("output-available", {"output": None}, "null"),
        ("output-error", {"errorText": "No such city."}, "No such city."),
        ("output-denied", {"approval": {"id": "p", "approved": False, "reason": "too dear"}}, "too dear"),
        ("output-denied", {}, "The user denied this call."),
        ("approval-responded", {"approval": {"id": "p", "approved": False}}, "The user denied this call."),
    ],
)
def test_a_result(state: str, fields: Json, expected: str) -> None:
    assert result(state, **fields) == expected


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("input-streaming", {}),
        ("input-available", {}),
        ("approval-requested", {"approval": {"id": "p"}}),
        ("approval-responded", {"approval": {"id": "p", "approved": True}}),
        ("output-available", {"output": "21", "providerExecuted": True}),
    ],
)
def test_a_call_without_a_result_of_the_client_is_left_out(state: str, fields: Json) -> None:
    """No provider reads a call without a result; a chat would be refused for ever."""
    assert answered(state, **fields) is None


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({}, {"at": 1}),
        ({"input": None, "rawInput": {"at": 2}}, {"at": 2}),
        ({"input": '{"at": 3}'}, {"at": 3}),
        ({"input": '{"at":'}, {}),
        ({"input": None}, {}),
    ],
)
def test_arguments_are_an_object(fields: Json, arguments: Json) -> None:
    found = answered("output-error", errorText="e", **fields)
    assert found is not None
    function = found.call["function"]
    assert isinstance(function, dict)
    assert orjson.loads(str(function["arguments"])) == arguments


def test_a_dynamic_tool_names_itself() -> None:
    found = answered_call({**part("output-available", output="x"), "toolName": "other"}, "dynamic-tool", "p")
    assert found is not None
    assert found.call["function"] == {"name": "other", "arguments": '{"at":1}'}


def test_a_signature_goes_back_with_its_call() -> None:
    found = answered("output-available", output="x", callProviderMetadata={"dualstream": {"signature": "c2ln"}})
    assert found is not None
    assert found.call["extra_content"] == {"google": {"thought_signature": "c2ln"}}


@pytest.mark.parametrize(("kind", "expected"), [("tool-a", True), ("dynamic-tool", True), ("text", False)])
def test_types_of_tool_parts(kind: str, expected: bool) -> None:
    assert is_tool(kind) is expected


def test_a_call_needs_an_id() -> None:
    with pytest.raises(Refused, match=r"^p\.toolCallId: must be a string\."):
        answered("output-available", output="x", toolCallId=1)


def test_an_input_that_is_nested_too_deeply_is_left_out() -> None:
    found = answered("output-available", output="21", input='{"a":' * 300 + "1" + "}" * 300)
    assert found is not None
    assert found.call["function"] == {"name": "look", "arguments": "{}"}
