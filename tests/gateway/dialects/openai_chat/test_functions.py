"""The outdated functions of chat completions."""

from dataclasses import replace

import pytest

from gateway.dialects.openai_chat.functions import with_tools
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import ToolCall
from tests.gateway.dialects.openai_chat.responses import COMPLETE, START, chunks_of, deltas_of, started

FUNCTION: JsonObject = {"name": "f", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("choice", "converted"),
    [("auto", "auto"), ("none", "none"), ({"name": "f"}, {"type": "function", "function": {"name": "f"}})],
)
def test_functions_become_tools(choice: str | JsonObject, converted: str | JsonObject) -> None:
    start = started(functions=[FUNCTION], function_call=choice)
    tools = [{"type": "function", "function": FUNCTION}]
    assert start.request.options.for_provider() == {"tools": tools, "tool_choice": converted}
    assert start.verbatim is None


def test_calls_and_results_become_those_of_tools() -> None:
    body: JsonObject = {
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "21"},
        ]
    }
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert with_tools(body) == {
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "21", "tool_call_id": "call_1"},
        ]
    }


def test_other_requests_stay_as_they_are() -> None:
    body: JsonObject = {"messages": [{"role": "user", "content": "Hello"}], "functions": []}
    assert with_tools(body) is body


def test_the_first_call_is_returned_as_a_function_call() -> None:
    events = [
        START,
        ToolCall(0, "c1", "f", ""),
        ToolCall(0, None, None, '{"a":1}'),
        ToolCall(1, "c2", "f", "{}"),
        COMPLETE,
    ]
    assert deltas_of(events, functions=[FUNCTION]) == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a":1}'}},
    ]


def test_its_finish_reason_is_that_of_functions() -> None:
    events = [START, ToolCall(0, "c1", "f", "{}"), replace(COMPLETE, finish_reason="tool_calls")]
    last = chunks_of(events, functions=[FUNCTION])[-1]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "function_call"}]
