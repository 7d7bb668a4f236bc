"""Calls of the client's tools, as events."""

from collections.abc import Sequence

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import Chunk, ToolCall
from gateway.upstreams.formats.sealed_reasoning import unseal
from tests.gateway.dialects.ag_ui.runs import COMPLETE, INTERRUPTED, events_of, types_of


def ids(events: Sequence[JsonObject], kind: str) -> list[object]:
    return [event["toolCallId"] for event in events if event["type"] == kind]


def test_a_call_ends_when_another_begins() -> None:
    events = events_of([ToolCall(0, "a", "look", "{}"), ToolCall(1, "b", "look", "{}"), COMPLETE])
    assert types_of(events)[1:-1] == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END"] * 2


def test_calls_whose_pieces_are_mixed_overlap() -> None:
    begun = [ToolCall(0, "a", "look", '{"x":'), ToolCall(1, "b", "look", "{")]
    rest = [ToolCall(0, None, None, "1}"), ToolCall(1, None, None, "}")]
    events = events_of([*begun, *rest, COMPLETE])
    assert types_of(events)[1:-1] == ["TOOL_CALL_START", "TOOL_CALL_ARGS"] * 2 + ["TOOL_CALL_END"]
    assert events[-1]["outcome"] == {"type": "success", "pendingToolCallIds": ["a", "b"]}


def test_a_text_waits_for_no_call_that_is_not_complete() -> None:
    events = events_of([ToolCall(0, "a", "look", '{"x":'), Chunk("x"), ToolCall(0, None, None, "1}"), COMPLETE])
    assert ids(events, "TOOL_CALL_ARGS") == ["a", "a"]


def test_calls_with_one_id_are_told_apart() -> None:
    events = events_of([ToolCall(0, "a", "look", "{}"), ToolCall(1, "a", "look", "{}"), COMPLETE])
    assert ids(events, "TOOL_CALL_START") == ["a", "a-2"]


def test_a_call_without_an_id_gets_one() -> None:
    assert ids(events_of([ToolCall(3, None, "look", "{}"), COMPLETE]), "TOOL_CALL_START") == ["msg_g_1_1-call-3"]


def test_arguments_without_a_call_are_left_out() -> None:
    assert ids(events_of([ToolCall(0, None, None, "{}"), COMPLETE]), "TOOL_CALL_ARGS") == []


def test_the_signature_of_a_call() -> None:
    events = events_of([ToolCall(0, "a", "look", "{}", "s"), COMPLETE])
    (value,) = (event for event in events if event["type"] == "REASONING_ENCRYPTED_VALUE")
    assert (value["subtype"], value["entityId"]) == ("tool-call", "a")
    assert unseal(str(value["encryptedValue"])) == {"format": "gemini", "call": "a", "signature": "s"}


def test_a_call_that_was_stopped_is_closed_and_not_to_be_answered() -> None:
    events = events_of([ToolCall(0, "a", "look", '{"x'), INTERRUPTED])
    assert ids(events, "TOOL_CALL_END") == ["a"]
    assert events_of([ToolCall(0, "a", "look", '{"x'), COMPLETE])[-1]["outcome"] == {"type": "success"}


def test_arguments_that_are_nested_too_deeply_are_not_complete() -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    end = events_of([ToolCall(0, "a", "look", deep), COMPLETE])[-1]
    assert end["outcome"] == {"type": "success"}
