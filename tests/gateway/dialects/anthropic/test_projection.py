"""The log of a generation as the events of a message."""

import pytest

from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    Chunk,
    Event,
    Part,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    Start,
    TextBatch,
    ToolCall,
    Usage,
    Verbatim,
)
from tests.gateway.dialects.anthropic.projected import (
    STARTED,
    Logged,
    complete,
    events_of,
    failed,
    interrupted,
    message_of,
    payloads_of,
    projection_of,
    verbatim,
)

MESSAGE_START: JsonObject = {"type": "message_start", "message": {"id": "msg_theirs", "content": [], "usage": {}}}
TEXT_START: JsonObject = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT_STOP: JsonObject = {"type": "content_block_stop", "index": 0}
MESSAGE_STOP: JsonObject = {"type": "message_stop"}
MESSAGE_DELTA: JsonObject = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn", "stop_details": {"new": 1}},
    "usage": {"output_tokens": 2},
    "context_management": {"applied_edits": []},
}


def delta(text: str, index: int = 0) -> JsonObject:
    """Return a delta of text."""
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def types(payloads: list[JsonObject]) -> list[object]:
    """Return the types of events."""
    return [payload["type"] for payload in payloads]


def content_of(*events: Event) -> object:
    """Return the content of the message that a complete log says."""
    return message_of([STARTED, *events, complete()])["content"]


def test_a_text() -> None:
    payloads = payloads_of([STARTED], [Chunk("Xin ")], [Chunk('"chào"')], [complete()])
    assert types(payloads) == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    assert payloads[0]["message"]["id"] == "msg_abc"  # type: ignore[index, call-overload]
    assert payloads[2:4] == [delta("Xin "), delta('"chào"')]
    assert payloads[5] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 3,
            "cache_read_input_tokens": 8,
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 2},
        },
    }


def test_joined_text_is_one_delta() -> None:
    assert payloads_of([STARTED], [TextBatch.of(Chunk, ["a", "b"])], [complete()])[2] == delta("ab")


def test_thinking_with_its_signature_and_calls() -> None:
    message = message_of(
        [
            STARTED,
            Reasoning("Let "),
            Reasoning("me see."),
            SignedReasoning("", "c2ln", "anthropic"),
            Part("redacted_reasoning", {"data": "xyz", "format": "anthropic"}),
            Chunk("I look."),
            ToolCall(0, "call_1", "get_weather", ""),
            ToolCall(0, None, None, '{"city":'),
            ToolCall(0, None, None, '"Paris"}'),
            ToolCall(1, "call_2", "get_time", "{}"),
            complete("tool_calls"),
        ]
    )
    assert message["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "I look.", "citations": None},
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}},
        {"type": "tool_use", "id": "call_2", "name": "get_time", "input": {}},
    ]
    assert message["stop_reason"] == "tool_use"


@pytest.mark.parametrize("thinking", [None, "disabled"])
def test_thinking_that_was_not_asked_for_is_left_out(thinking: str | None) -> None:
    redacted = Part("redacted_reasoning", {"data": "xyz", "format": "anthropic"})
    reasoning: list[Event] = [Reasoning("a"), SignedReasoning("", "c2ln", "anthropic"), redacted]
    payloads = payloads_of([STARTED, *reasoning], [Chunk("b")], projection=projection_of(thinking=thinking))
    assert types(payloads) == ["message_start", "content_block_start", "content_block_delta"]
    assert payloads[2] == delta("b")


def test_each_signature_ends_a_block() -> None:
    signed: list[Event] = [
        Reasoning("a"),
        SignedReasoning("", "1", "anthropic"),
        Reasoning("b"),
        SignedReasoning("", "2", "x"),
    ]
    assert [block["thinking"] for block in content_of(*signed)] == ["a", "b"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("pause_turn", "pause_turn"),
        (None, "end_turn"),
        ("other", "end_turn"),
    ],
)
def test_stop_reasons(ours: str | None, theirs: str) -> None:
    assert message_of([STARTED, Chunk("a"), complete(ours)])["stop_reason"] == theirs


def test_what_the_provider_says_of_its_response() -> None:
    message = message_of([STARTED, Chunk("a"), complete(response={"stop_sequence": "x", "system_fingerprint": "f"})])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "x")


def test_a_refusal() -> None:
    message = message_of([STARTED, Part("refusal", {}), Chunk("No."), complete()])
    assert message["content"] == [{"type": "text", "text": "No.", "citations": None}]
    assert message["stop_reason"] == "refusal"


def test_log_probabilities_are_left_out() -> None:
    logprobs = Part("logprobs", {"tokens": []})
    assert content_of(logprobs, Chunk("a"), logprobs, Chunk("b")) == [{"type": "text", "text": "ab", "citations": None}]


def test_an_estimated_usage_says_so() -> None:
    assert message_of([STARTED, Chunk("a"), complete(usage=Usage(1, 2, "estimated"))])["dualstream"] == {
        "usage": "estimated"
    }


def test_an_answer_without_content() -> None:
    assert types(payloads_of([STARTED], [complete()])) == ["message_start", "message_delta", "message_stop"]


def test_an_interrupt_is_a_normal_end() -> None:
    payloads = payloads_of([STARTED], [Chunk("a")], [interrupted("enough")])
    assert types(payloads)[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert payloads[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert payloads[-2]["dualstream"] == {"interrupted": {"by": "client", "reason": "enough"}}


def test_a_call_that_is_interrupted_is_not_closed() -> None:
    payloads = payloads_of([STARTED], [Chunk("a"), ToolCall(0, "c", "f", '{"a":')], [interrupted()])
    assert payloads.count({"type": "content_block_stop", "index": 1}) == 0
    assert types(payloads)[-2:] == ["message_delta", "message_stop"]


@pytest.mark.parametrize("events", [[], [Reasoning("a")], [ToolCall(0, "c", "f", "{")]])
def test_an_answer_that_is_interrupted_before_its_first_text_says_so(events: list[Event]) -> None:
    payloads = payloads_of([STARTED, *events], [interrupted()])
    index = payloads[-3]["index"]
    assert payloads[-4]["delta"] == {"type": "text_delta", "text": "[The answer was interrupted.]"}
    assert payloads[-3:-2] == [{"type": "content_block_stop", "index": index}]


def test_a_provider_that_is_lost_leaves_the_message_open() -> None:
    projection = projection_of()
    payloads = payloads_of([STARTED], [Chunk("a")], [failed("truncated")], projection=projection)
    assert projection.is_cut
    assert types(payloads)[-1] == "content_block_delta"


def test_any_other_failure_is_an_error() -> None:
    projection = projection_of()
    payloads = payloads_of([STARTED], [Chunk("a")], [failed("server_error")], projection=projection)
    assert not projection.is_cut
    assert payloads[-1]["error"] == {
        "type": "api_error",
        "message": "It failed.",
        "details": {"error_code": "server_error", "param": None},
    }


@pytest.mark.parametrize(("code", "reason"), [("content_filter", "refusal"), ("output_limit", "max_tokens")])
def test_failures_that_are_ends_of_this_api(code: str, reason: str) -> None:
    payloads = payloads_of([STARTED], [Chunk("a")], [failed(code)])
    assert payloads[-2]["delta"] == {"stop_reason": reason, "stop_sequence": None}


def test_a_spent_budget_is_an_interrupt() -> None:
    payloads = payloads_of([STARTED], [Chunk("a")], [failed("budget_exceeded")])
    assert payloads[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert payloads[-2]["dualstream"] == {"interrupted": {"by": "budget", "reason": "It failed."}}


def test_feedback_goes_on_in_a_new_block() -> None:
    assert content_of(Chunk("old"), Revision(2, "f", 1.0), STARTED, Chunk("new")) == [
        {"type": "text", "text": "old", "citations": None},
        {"type": "text", "text": "new", "citations": None},
    ]


FAILOVER: list[Event] = [Chunk("old"), Retry(1, 0, "stalled", "up"), Revision(2, None, None, "failover"), STARTED]


def test_a_text_that_starts_over_is_a_lost_connection() -> None:
    projection = projection_of()
    payloads = payloads_of([STARTED, *FAILOVER], [Chunk("new")], [complete()], projection=projection)
    assert projection.is_cut
    assert payloads[-1] == delta("old")


def test_a_text_that_starts_over_is_the_text_of_a_message_that_is_not_streamed() -> None:
    assert content_of(*FAILOVER, Chunk("new")) == [{"type": "text", "text": "new", "citations": None}]


def test_what_a_provider_with_this_api_says_is_passed_on_as_it_came() -> None:
    unknown: JsonObject = {"type": "thread_event", "x": 1}
    events: list[Logged] = [
        *verbatim(MESSAGE_START, {"type": "ping"}, TEXT_START, delta("Xin")),
        Chunk("Xin"),
        *verbatim(unknown, delta(" chào")),
        Chunk(" chào"),
        *verbatim(TEXT_STOP, MESSAGE_DELTA, MESSAGE_STOP),
    ]
    assert payloads_of([STARTED], events, [complete()]) == [
        *(MESSAGE_START, {"type": "ping"}, TEXT_START, delta("Xin"), unknown, delta(" chào")),
        *(TEXT_STOP, MESSAGE_DELTA, MESSAGE_STOP),
    ]
    message = message_of([STARTED, *events, complete()])
    assert message["id"] == "msg_theirs"
    assert message["content"] == [{"type": "text", "text": "Xin chào"}]
    assert message["stop_details"] == {"new": 1}
    assert message["context_management"] == {"applied_edits": []}


def test_data_is_passed_on_byte_by_byte() -> None:
    line = b'{ "index": 0, "delta": {"text":"a", "type":"text_delta"}, "type":"content_block_delta"}'
    passed: list[Logged] = [
        *verbatim(MESSAGE_START, TEXT_START),
        Verbatim(line + b"\n" + line),
        TextBatch.of(Chunk, ["a", "a"]),
    ]
    assert [event.data for event in events_of([STARTED], passed)][2:] == [line, line]


def test_content_of_one_payload_in_several_events_is_passed_on_once() -> None:
    passed: list[Logged] = [*verbatim(MESSAGE_START, TEXT_START, delta("ab")), Chunk("a"), Chunk("b")]
    assert types(payloads_of([STARTED], passed)).count("content_block_delta") == 1


def test_an_interrupt_closes_what_the_provider_left_open() -> None:
    begun: list[Logged] = [*verbatim(MESSAGE_START, TEXT_START, delta("Xin")), Chunk("Xin")]
    payloads = payloads_of([STARTED], begun, [interrupted()])
    assert payloads[:4] == [MESSAGE_START, TEXT_START, delta("Xin"), TEXT_STOP]
    assert types(payloads)[4:] == ["message_delta", "message_stop"]


def test_an_interrupt_after_the_providers_own_end() -> None:
    whole: list[Logged] = [
        *verbatim(MESSAGE_START, TEXT_START, delta("a")),
        Chunk("a"),
        *verbatim(TEXT_STOP, MESSAGE_DELTA),
    ]
    assert payloads_of([STARTED], whole, [interrupted()])[-2:] == [MESSAGE_DELTA, MESSAGE_STOP]


def test_feedback_after_the_providers_own_events() -> None:
    begun: list[Logged] = [*verbatim(MESSAGE_START, TEXT_START, delta("old")), Chunk("old")]
    payloads = payloads_of(
        [STARTED], begun, [Revision(2, "f", 1.0), Start("up", "m", 2, 2), Chunk("new")], [complete()]
    )
    assert payloads[3] == TEXT_STOP
    assert payloads[5] == delta("new", 1)
    assert types(payloads).count("message_start") == 1


def test_another_provider_continues_the_open_block() -> None:
    begun: list[Logged] = [*verbatim(MESSAGE_START, TEXT_START, delta("Xin")), Chunk("Xin")]
    payloads = payloads_of([STARTED], begun, [Retry(1, 0, "stalled", "up"), STARTED, Chunk(" chào")], [complete()])
    assert payloads[2:5] == [delta("Xin"), delta(" chào"), TEXT_STOP]


ERROR: JsonObject = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def test_the_providers_own_error_is_passed_on() -> None:
    begun: list[Logged] = [*verbatim(MESSAGE_START, TEXT_START, delta("a")), Chunk("a"), *verbatim(ERROR)]
    assert payloads_of([STARTED], begun, [failed("server_error")])[-1] == ERROR
    assert ERROR not in payloads_of([STARTED], begun, [Retry(1, 0, "server_error", "up"), STARTED], [complete()])
