"""Calls of tools as blocks."""

from gateway.protocol.events import Chunk, Event, ToolCall
from gateway.upstreams.formats.sealed_reasoning import unseal
from tests.gateway.dialects.anthropic.projected import STARTED, complete, message_of, payloads_of


def inputs_of(*events: Event) -> list[object]:
    """Return the inputs of the calls in a message."""
    content = message_of([STARTED, *events, complete("tool_calls")])["content"]
    assert isinstance(content, list)
    return [block["input"] for block in content if isinstance(block, dict) and block["type"] == "tool_use"]


def stops_of(*events: Event) -> list[object]:
    """Return the indexes of starts and stops of blocks, stops negative."""
    signs = {"content_block_start": 1, "content_block_stop": -1}
    payloads = payloads_of([STARTED], events)
    return [signs[str(each["type"])] * (1 + int(str(each["index"]))) for each in payloads if each["type"] in signs]


def test_a_call_is_closed_when_the_next_one_begins() -> None:
    events: list[Event] = [ToolCall(0, "a", "f", '{"x":1}'), ToolCall(1, "b", "g", ""), Chunk("text")]
    assert stops_of(*events) == [1, -1, 2, -2, 3]
    assert inputs_of(*events) == [{"x": 1}, {}]


def test_calls_whose_pieces_are_mixed() -> None:
    events: list[Event] = [
        ToolCall(0, "a", "f", '{"x":'),
        ToolCall(1, "b", "g", '{"y":'),
        ToolCall(0, None, None, "1}"),
        ToolCall(1, None, None, '"\\"2"}'),
    ]
    assert inputs_of(*events) == [{"x": 1}, {"y": '"2'}]


def test_a_signature_stands_before_its_call() -> None:
    content = message_of([STARTED, ToolCall(0, "a", "f", "{}", "c2ln"), complete("tool_calls")])["content"]
    assert isinstance(content, list)
    redacted, call = content
    assert isinstance(redacted, dict)
    assert isinstance(call, dict)
    assert unseal(str(redacted["data"])) == {"format": "gemini", "call": "a", "signature": "c2ln"}
    assert call["id"] == "a"


def test_arguments_without_a_call_are_left_out() -> None:
    assert inputs_of(ToolCall(3, None, None, "{}")) == []
