"""Calls of the client's tools."""

from dataclasses import replace

from gateway.dialects.ai_sdk.calls import Calls
from gateway.protocol.events import Chunk, Revision, ToolCall
from tests.gateway.dialects.ai_sdk.streams import COMPLETE, INTERRUPTED, Json, chunks, chunks_of, message

END = replace(COMPLETE, finish_reason="tool_calls")


def calls_of(*events: object) -> list[Json]:
    return [part for part in message(*events).parts if part["type"] == "tool"]


def test_the_input_comes_in_pieces_and_then_as_a_whole() -> None:
    found = chunks(Chunk("a"), ToolCall(0, "c", "f", '{"a":'), ToolCall(0, None, None, "1}"), END)
    assert found[4:9] == [
        {"type": "text-end", "id": "1"},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "f"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a":'},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "1}"},
        {"type": "tool-input-available", "toolCallId": "c", "toolName": "f", "input": {"a": 1}},
    ]


def test_pieces_of_parallel_calls_may_mix() -> None:
    events = [
        ToolCall(0, "c0", "f", ""),
        ToolCall(1, "c1", "g", '{"b"'),
        ToolCall(0, None, None, '{"a":1}'),
        ToolCall(1, None, None, ":2}"),
    ]
    assert [(call["id"], call["input"]) for call in calls_of(*events, END)] == [("c0", {"a": 1}), ("c1", {"b": 2})]


def test_a_call_without_arguments_has_an_empty_input() -> None:
    (call,) = calls_of(ToolCall(0, "c", "f", ""), END)
    assert (call["state"], call["input"]) == ("input-available", {})


def test_an_input_may_be_null() -> None:
    (call,) = calls_of(ToolCall(0, "c", "f", "null"), END)
    assert (call["state"], call["input"]) == ("input-available", None)


def test_arguments_that_are_no_json_are_an_error_of_the_call() -> None:
    (call,) = calls_of(ToolCall(0, "c", "f", '{"a":'), END)
    assert call["state"] == "output-error"
    assert call["error"] == "The model wrote arguments that are not JSON, or nested too deeply."


def test_a_call_of_a_stopped_answer_is_not_complete() -> None:
    (call,) = calls_of(ToolCall(0, "c", "f", "{}"), INTERRUPTED)
    assert call["state"] == "input-streaming"


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    events = [ToolCall(0, None, "f", "{}"), ToolCall(1, "", "g", "{}")]
    assert [call["id"] for call in calls_of(*events, END)] == ["call_1", "call_2"]


def test_a_new_text_begins_to_count_its_calls_again() -> None:
    replaced = [ToolCall(0, "c", "f", "{}"), Revision(2, None, None, "failover")]
    assert [call["id"] for call in calls_of(*replaced, ToolCall(0, "d", "f", "{}"), END)] == ["d"]


def test_a_signature_is_given_back_with_its_call() -> None:
    calls = Calls()
    begun = chunks_of(calls.add(ToolCall(0, "c", "f", "{}", "c2ln")))
    assert begun[0]["providerMetadata"] == {"dualstream": {"signature": "c2ln"}}
    (whole,) = chunks_of(calls.finish())
    assert whole["providerMetadata"] == {"dualstream": {"signature": "c2ln"}}


def test_a_signature_may_come_after_the_name() -> None:
    calls = Calls()
    calls.add(ToolCall(0, "c", "f", ""))
    calls.add(ToolCall(0, None, None, "{}", "c2ln"))
    (whole,) = chunks_of(calls.finish())
    assert whole["providerMetadata"] == {"dualstream": {"signature": "c2ln"}}


def test_an_input_that_is_nested_too_deeply_is_an_error_of_the_call() -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    (call,) = calls_of(ToolCall(0, "c", "f", deep), END)
    assert call["state"] == "output-error"
