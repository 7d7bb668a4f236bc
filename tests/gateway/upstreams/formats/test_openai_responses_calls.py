"""Calls of the Responses API: whose arguments are whose, and which repeat others."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import ToolCall
from gateway.upstreams.base import UpstreamEvent
from gateway.upstreams.formats.json_values import SurrogateJoiner
from gateway.upstreams.formats.openai_responses_calls import StreamedCalls, require_text


def test_arguments_are_taken_from_the_first_type_of_event_alone() -> None:
    calls, events = StreamedCalls(SurrogateJoiner()), list[UpstreamEvent]()
    item: JsonObject = {"id": "fc_1", "call_id": "call_1", "name": "f"}
    assert calls.begin("function_call", item, 3, events) == calls.begin("function_call", item, 3, events) == 0
    for piece in ('{"x"', ":1}"):
        calls.append_arguments(0, "delta", piece, events)
    calls.append_arguments(0, "done", '{"x":1}', events)
    calls.end(0, events)
    assert events == [
        ToolCall(0, "call_1", "f", ""),
        ToolCall(0, None, None, '{"x"'),
        ToolCall(0, None, None, ":1}"),
    ]


@pytest.mark.parametrize(
    ("event", "index"),
    [({"item_id": "fc_0"}, 0), ({"output_index": 7}, 1), ({"item_id": "new", "output_index": 5}, 0), ({}, 1)],
)
def test_the_call_of_an_event(event: JsonObject, index: int) -> None:
    calls = StreamedCalls(SurrogateJoiner())
    calls.begin("function_call", {"id": "fc_0", "call_id": "call_0"}, 5, [])
    calls.begin("function_call", {"id": "fc_1", "call_id": "call_1"}, 7, [])
    assert calls.find(event) == index


def test_a_call_without_arguments_has_an_empty_object_and_a_custom_one_none() -> None:
    calls, events = StreamedCalls(SurrogateJoiner()), list[UpstreamEvent]()
    calls.begin("function_call", {"call_id": "a"}, 0, events)
    calls.begin("custom_tool_call", {"call_id": "b"}, 1, events)
    calls.append_arguments(1, "item", "", events)
    for index in range(len(calls)):
        calls.end(index, events)
    assert events[2:] == [ToolCall(0, None, None, "{}")]


def test_what_belongs_to_no_call_can_not_be_read() -> None:
    calls = StreamedCalls(SurrogateJoiner())
    with pytest.raises(Failed, match="no tool call"):
        calls.find({"item_id": "x"})
    with pytest.raises(Failed, match="no id"):
        calls.begin("function_call", {}, 0, [])
    with pytest.raises(Failed) as failed:
        require_text(["a"])
    assert failed.value.code is Code.UPSTREAM_PROTOCOL
