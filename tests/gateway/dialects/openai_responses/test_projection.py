"""The log of a generation as the events of a response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from gateway.dialects.openai_responses.projection import OpenAIResponsesProjection, response_object
from gateway.generation.continuation import split_batches
from gateway.generation.event_log import EventLog, merge
from gateway.protocol.events import (
    Chunk,
    Complete,
    Event,
    Feedback,
    Part,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    TextBatch,
    ToolCall,
    Verbatim,
)
from tests.gateway.dialects.openai_responses.logs import (
    ACCEPTED,
    COMPLETE,
    IDENTITY,
    INTERRUPTED,
    METRICS,
    START,
    USAGE,
    decoded,
    error,
    log_of,
    passed,
    project,
    project_entries,
    start_of,
    types,
)

CREATED = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_theirs", "x": 1}}
ADDED = {
    "type": "response.output_item.added",
    "sequence_number": 1,
    "output_index": 0,
    "item": {"id": "msg_t", "type": "message", "status": "in_progress", "role": "assistant", "content": []},
}
DELTA = {
    "type": "response.output_text.delta",
    "sequence_number": 2,
    "item_id": "msg_t",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hel",
}
THEIR_END = {
    "type": "response.completed",
    "sequence_number": 9,
    "response": {"id": "resp_theirs", "status": "completed", "output": [{"id": "msg_t"}], "new_field": 1},
}


def test_text_becomes_one_message() -> None:
    events = project([Chunk("Hel"), Chunk("lo"), COMPLETE])

    assert types(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"),
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == [*range(10)]
    response = events[-1]["response"]
    assert response["id"] == "resp_1"
    assert response["status"] == "completed"
    assert response["completed_at"] == 1_700_000_002
    assert response["output"] == [events[-2]["item"]]
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}


def test_reasoning_is_a_summary_and_its_signature_comes_back() -> None:
    events = project([Reasoning("I think"), SignedReasoning("", "s1", "anthropic"), Chunk("Hi"), COMPLETE])

    reasoning, message = events[-1]["response"]["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "I think"}]
    assert message["content"][0]["text"] == "Hi"
    again = start_of(input=[reasoning, message, {"role": "user", "content": "On."}]).request
    assert again.messages[0].model_extra == {
        "reasoning_details": [{"type": "reasoning.text", "text": "I think", "format": "anthropic", "signature": "s1"}]
    }


def test_a_call_of_a_function_is_streamed() -> None:
    calls: list[Event] = [ToolCall(0, "c1", "f", ""), ToolCall(0, None, None, '{"a"'), ToolCall(0, None, None, ":1}")]

    events = project([*calls, Complete("tool_calls", USAGE, None, METRICS)])

    assert types(events)[2:] == [
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done", "completed"),
    ]
    assert events[-2]["item"] == {
        "id": "fc_1_0",
        "type": "function_call",
        "status": "completed",
        "call_id": "c1",
        "name": "f",
        "arguments": '{"a":1}',
    }


def test_a_thought_signature_of_a_call_comes_back_with_it() -> None:
    events = project([ToolCall(0, "c1", "f", "{}", "sig"), COMPLETE])

    output = events[-1]["response"]["output"]
    again = start_of(input=[*output, {"type": "function_call_output", "call_id": "c1", "output": "1"}]).request
    assert (again.messages[0].model_extra or {})["tool_calls"][0]["signature"] == "sig"


def test_a_call_of_a_custom_tool_is_free_text() -> None:
    call = [ToolCall(0, "c1", "patch", ""), ToolCall(0, None, None, '{"input":"*** Begin"}')]

    events = project([*call, COMPLETE], tools=[{"type": "custom", "name": "patch"}])

    assert types(events)[2:-1] == [
        *("output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"),
    ]
    assert events[-2]["item"]["input"] == "*** Begin"


def test_a_call_of_a_tool_in_a_namespace_names_it_and_comes_back() -> None:
    tools = [{"type": "namespace", "name": "mcp__files__", "tools": [{"type": "function", "name": "read"}]}]
    call = ToolCall(0, "c1", "mcp__files__read", "{}")

    [item] = project([call, COMPLETE], tools=tools)[-1]["response"]["output"]

    assert (item["name"], item["namespace"]) == ("read", "mcp__files__")
    again = start_of(input=[item, {"type": "function_call_output", "call_id": "c1", "output": ""}]).request
    assert (again.messages[0].model_extra or {})["tool_calls"][0]["function"]["name"] == "mcp__files__read"


@pytest.mark.parametrize(
    ("end", "event", "reason"),
    [
        (Complete("length", USAGE, None, METRICS), "response.incomplete", "max_output_tokens"),
        (error("output_limit", retryable=False), "response.incomplete", "max_output_tokens"),
        # Codex would repeat the request after the other event.
        (Complete("content_filter", USAGE, None, METRICS), "response.completed", "content_filter"),
        (error("content_filter", retryable=False), "response.completed", "content_filter"),
    ],
)
def test_an_answer_that_was_ended_is_incomplete(end: Event, event: str, reason: str) -> None:
    events = project([Chunk("Hi"), end])

    assert events[-1]["type"] == event
    response = events[-1]["response"]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert response["output"][0]["status"] == "incomplete"


def test_an_interrupt_before_the_first_text_says_so() -> None:
    events = project([Reasoning("Hm"), INTERRUPTED])
    assert events[-1]["response"]["output"][-1]["content"][0]["text"] == "[The answer was interrupted.]"


def test_a_spent_budget_ends_as_an_interrupt() -> None:
    response = project([Chunk("Hi"), error("budget_exceeded", retryable=False)])[-1]["response"]
    assert response["dualstream"]["interrupted"] == {"by": "budget", "reason": "It failed."}


def test_an_interrupt_ends_with_an_event_that_no_client_retries_and_leaves_out_open_calls() -> None:
    events = project([Chunk("Hi"), ToolCall(0, "c1", "f", '{"a"'), INTERRUPTED])

    assert events[-1]["type"] == "response.completed"
    response = events[-1]["response"]
    assert (response["status"], response["dualstream"]["interrupted"]["by"]) == ("cancelled", "client")
    assert [item["type"] for item in response["output"]] == ["message"]
    assert not [event for event in events if event["type"] == "response.function_call_arguments.done"]


def test_a_failure_ends_with_its_code() -> None:
    events = project([Chunk("Hi"), error("rate_limit", retry_after_ms=1500)])

    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "It failed. Please try again in 1.5s.",
    }


def test_a_lost_connection_is_a_cut() -> None:
    projection = OpenAIResponsesProjection(start_of(), IDENTITY)
    for entry in log_of([Chunk("Hi"), error("network_error")]).since(0):
        events = projection.project(entry)
    assert projection.is_cut
    assert not events


def test_feedback_goes_on_in_another_message() -> None:
    revised: list[Event] = [
        Feedback("f1", "revise", "No.", None),
        Revision(2, "f1", 1.0),
        Start("p", "m", 2, 2),
        Chunk("Two"),
    ]

    output = project([Chunk("One"), *revised, COMPLETE])[-1]["response"]["output"]

    assert [(item["id"], item["status"], item["content"][0]["text"]) for item in output] == [
        ("msg_1_0", "incomplete", "One"),
        ("msg_1_1", "completed", "Two"),
    ]


def test_a_failover_that_replaces_the_text_is_a_cut() -> None:
    projection = OpenAIResponsesProjection(start_of(), IDENTITY)
    replaced: list[Event] = [Revision(2, None, None, "failover"), Start("q", "m", 2, 2), Chunk("Two"), COMPLETE]
    entries = log_of([Chunk("One"), *replaced]).since(0)
    events = decoded([event for entry in entries for event in projection.project(entry)])
    assert projection.is_cut
    assert types(events)[-1] == "output_text.delta"


def test_a_background_response_begins_when_it_is_accepted() -> None:
    log = EventLog("g_1")
    log.append(ACCEPTED)

    events = decoded(project_entries(log.since(0), background=True))

    assert types(events) == ["created", "queued"]
    assert events[0]["response"]["status"] == "queued"
    assert response_object(start_of(background=True), IDENTITY, log.since(0))["status"] == "queued"
    log.append(START)
    assert response_object(start_of(background=True), IDENTITY, log.since(0))["status"] == "in_progress"


def test_refusals_citations_and_log_probabilities_have_their_places() -> None:
    tokens: list[JsonValue] = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    citation = Part("citation", {"url": "https://x.example", "title": "X", "text": None})
    events = project([Part("logprobs", {"tokens": tokens}), Chunk("Hi"), Chunk("!"), citation, COMPLETE])

    assert [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"] == [tokens, []]
    part = events[-1]["response"]["output"][0]["content"][0]
    assert part["logprobs"] == tokens
    assert part["annotations"] == [
        {"start_index": 3, "end_index": 3, "type": "url_citation", "url": "https://x.example", "title": "X"}
    ]

    refused = project([Part("refusal", {}), Chunk("I can't."), COMPLETE])
    assert "refusal.delta" in types(refused)
    assert refused[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "I can't."}]


# What the provider itself sent.


def test_events_of_the_provider_pass_with_the_ids_and_numbers_of_ours() -> None:
    events = project([*passed(CREATED, ADDED, DELTA), Chunk("Hel"), *passed(THEIR_END), COMPLETE], store=False)

    assert types(events) == ["created", "output_item.added", "output_text.delta", "completed"]
    assert [event["sequence_number"] for event in events] == [0, 1, 2, 3]
    assert events[0]["response"]["x"] == 1
    response = events[-1]["response"]
    assert (response["id"], response["store"], response["new_field"]) == ("resp_1", False, 1)
    assert response["output"] == [{"id": "msg_t"}]


def test_an_interrupt_completes_what_the_provider_left_open() -> None:
    events = project([*passed(CREATED, ADDED, DELTA), Chunk("Hel"), INTERRUPTED])

    assert types(events)[3:] == [
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    response = events[-1]["response"]
    assert response["status"] == "cancelled"
    assert response["output"][0]["content"][0]["text"] == "Hel"
    assert response["output"][0]["status"] == "incomplete"


def test_another_attempt_after_a_provider_s_own_goes_on_behind_its_items() -> None:
    continued: list[Event] = [Retry(1, 0, "network_error", "p"), Start("q", "m", 2, 1), Chunk("lo"), COMPLETE]

    events = project([*passed(CREATED, ADDED, DELTA), Chunk("Hel"), *continued])

    texts = [item["content"][0]["text"] for item in events[-1]["response"]["output"]]
    assert texts == ["Hel", "lo"]
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.done"] == [0, 1]


def test_a_failure_that_another_attempt_follows_is_not_told() -> None:
    failed = {"type": "response.failed", "response": {"id": "x", "status": "failed", "error": {"code": "server_error"}}}
    first: list[Event | Verbatim] = [*passed(CREATED, ADDED, DELTA), Chunk("Hel"), *passed(failed)]

    assert "failed" not in types(project([*first, Retry(1, 0, "server_error", "p"), START, Chunk("lo"), COMPLETE]))
    assert types(project([*first, error("server_error")]))[-1] == "failed"


def test_an_error_event_of_the_provider_is_the_end() -> None:
    theirs = {"type": "error", "code": "server_error", "message": "Oh.", "param": None}
    content: list[Event | Verbatim] = [*passed(CREATED, ADDED, DELTA), Chunk("Hel"), *passed(theirs)]
    projection = OpenAIResponsesProjection(start_of(), IDENTITY)
    entries = log_of([*content, error("server_error")]).since(0)
    events = decoded([event for entry in entries for event in projection.project(entry)])
    assert events[-1] == {**theirs, "sequence_number": 3}
    assert projection.response()["error"] == {"code": "server_error", "message": "It failed."}


CONTENT = st.lists(
    st.one_of(
        st.builds(Chunk, st.text(min_size=1, max_size=4)),
        st.builds(Reasoning, st.text(min_size=1, max_size=4)),
        st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=4).map(lambda each: TextBatch.of(Chunk, each)),
    ),
    max_size=12,
)


def _each(content: list[Chunk | Reasoning | TextBatch]) -> list[Event]:
    return [event for event in split_batches(content) if not isinstance(event, Verbatim)]


@given(CONTENT)
def test_events_and_their_numbers_do_not_depend_on_how_text_is_joined(
    content: list[Chunk | Reasoning | TextBatch],
) -> None:
    log = log_of([*content, COMPLETE])
    expected = decoded(project_entries(log_of([*_each(content), COMPLETE]).since(0)))

    assert decoded(project_entries(merge(log.since(0), with_ends=True))) == expected
    log.compact()
    assert decoded(project_entries(log.since(0))) == expected


def test_items_that_the_end_of_the_provider_does_not_repeat_are_in_the_response() -> None:
    # What continues from it needs them, as the document does.
    item = {"id": "msg_t", "type": "message", "content": [{"type": "output_text", "text": "Hel"}]}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    end = {"type": "response.completed", "response": {"id": "x", "status": "completed", "output": []}}
    log = log_of([*passed(CREATED, ADDED, DELTA), Chunk("Hel"), *passed(done, end), COMPLETE])

    assert response_object(start_of(), IDENTITY, log.since(0))["output"] == [item]
