"""The log of a generation as the events of a run."""

import pytest

from gateway.dialects.base import TextProjection
from gateway.protocol.commands import JsonObject
from gateway.protocol.events import (
    Chunk,
    Complete,
    Feedback,
    Interrupted,
    Queued,
    Reasoning,
    Retry,
    Revision,
    TextBatch,
    ToolCall,
    Usage,
    Verbatim,
)
from tests.gateway.dialects.ag_ui.runs import (
    COMPLETE,
    INTERRUPTED,
    MESSAGES,
    METRICS,
    REVISION,
    RUN,
    START,
    events_of,
    failed,
    joined_events_of,
    log_of,
    project,
    projection_of,
    text_of,
    types_of,
)

TEXT = [START, Chunk("Xin "), Chunk("chào")]
ASSISTANT: JsonObject = {"messageId": "msg_g_1_1", "role": "assistant"}


def test_a_text() -> None:
    started, begun, first, second, ended, finished = events_of([*TEXT, COMPLETE])
    metadata = {"dualstream": {"generation_id": "g_1", "model": "m"}}
    assert started == {"type": "RUN_STARTED", **RUN, "protocolVersion": "1.0", "metadata": metadata}
    assert begun == {"type": "TEXT_MESSAGE_START", **ASSISTANT}
    assert first == {"type": "TEXT_MESSAGE_CONTENT", "messageId": "msg_g_1_1", "delta": "Xin "}
    assert second["delta"] == "chào"
    assert ended == {"type": "TEXT_MESSAGE_END", "messageId": "msg_g_1_1"}
    usage = {
        "provider": "p",
        "model": "m-1",
        "inputTokens": 21,
        "outputTokens": 9,
        "totalTokens": 30,
        "reasoningTokens": 2,
        "cachedInputTokens": 8,
    }
    ours = {"finish_reason": "stop", "cost_usd": 0.5}
    assert finished == {
        "type": "RUN_FINISHED",
        **RUN,
        "outcome": {"type": "success"},
        "usage": [usage],
        "metadata": {"dualstream": ours},
    }


def test_joined_text_is_one_delta() -> None:
    assert len(joined_events_of([TextBatch.of(Chunk, ["a", "b", "c"]), COMPLETE])) == 5
    assert text_of(joined_events_of([TextBatch.of(Chunk, ["a", "b", "c"]), COMPLETE])) == "abc"


def test_text_has_a_short_way() -> None:
    projection, entries = projection_of(), log_of(TEXT).since(0)
    assert isinstance(projection, TextProjection)
    assert [projection.project_text(entry) for entry in entries[:3]] == [b""] * 3
    project(projection, entries[:3])
    line = projection.project_text(entries[3])
    assert line == b'{"type":"TEXT_MESSAGE_CONTENT","messageId":"msg_g_1_1","delta":"ch\xc3\xa0o"}'
    (empty,) = log_of([Chunk("")]).since(1)
    assert projection.project_text(empty) == b""


def test_what_happens_before_the_text() -> None:
    events = events_of(
        [Queued(2, None), Retry(1, 10, "rate_limit", "p"), *TEXT, Feedback("f", "note", None, 1), COMPLETE]
    )
    customs = [event for event in events if event["type"] == "CUSTOM"]
    assert [event["name"] for event in customs] == ["dualstream.queued", "dualstream.retry", "dualstream.feedback"]
    assert customs[0]["value"] == {"position": 2, "eta_ms": None}
    assert customs[1]["value"] == {"attempt": 1, "delay_ms": 10, "code": "rate_limit", "provider": "p"}


def test_the_provider_s_own_data_is_not_passed_on() -> None:
    assert events_of([Verbatim(b"{}"), *TEXT, COMPLETE]) == events_of([*TEXT, COMPLETE])


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls"])
def test_a_finish_reason(reason: str) -> None:
    end = events_of([*TEXT, Complete(reason, Usage(None, None, "estimated"), None, METRICS)])[-1]
    assert end["metadata"] == {"dualstream": {"finish_reason": reason, "usage": "estimated"}}
    assert end["usage"] == [{"provider": "p", "model": "m-1"}]


def test_an_interrupt_cancels_the_run_after_all_that_is_open() -> None:
    events = events_of([*TEXT, ToolCall(0, "c", "look", '{"a'), INTERRUPTED])
    assert types_of(events)[-3:] == ["TOOL_CALL_ARGS", "TOOL_CALL_END", "RUN_FINISHED"]
    assert events[-1]["outcome"] == {"type": "cancelled"}
    assert events[-1]["metadata"] == {"dualstream": {"interrupted": {"by": "client", "reason": "enough"}}}


@pytest.mark.parametrize("by", ["client", "feedback", "disconnect", "limit", "shutdown"])
def test_whoever_interrupts(by: str) -> None:
    end = Interrupted(by, None, 1.0, Usage(None, None, "exact"), None, METRICS)  # type: ignore[arg-type]
    assert events_of([*TEXT, end])[-1]["outcome"] == {"type": "cancelled"}


def test_a_failure_is_the_last_event() -> None:
    events = events_of([*TEXT, failed("server_error")])
    assert types_of(events)[-2:] == ["TEXT_MESSAGE_END", "RUN_ERROR"]
    assert (events[-1]["message"], events[-1]["code"]) == ("It failed.", "server_error")
    assert events[-1]["metadata"] == {"dualstream": {"retryable": True, "retry_after_ms": 500}}


def test_a_lost_connection_of_the_provider_is_one_to_the_client() -> None:
    projection, log = projection_of(), log_of([*TEXT, failed("truncated")])
    events = project(projection, log.since(0))
    assert projection.is_cut
    assert b"RUN_ERROR" not in events[-1].data
    assert project(projection, log_of([COMPLETE]).since(1)) == []


def test_feedback_takes_the_text_back() -> None:
    events = events_of([*TEXT, REVISION, START, Chunk("Hello"), COMPLETE])
    assert types_of(events)[3:7] == ["TEXT_MESSAGE_END", "CUSTOM", "MESSAGES_SNAPSHOT", "TEXT_MESSAGE_START"]
    value = {"revision": 2, "reason": "feedback", "feedback_id": "f_1", "cancel_ms": 3.0}
    custom, snapshot, begun = events[5:8]
    assert (custom["name"], custom["value"]) == ("dualstream.revision", value)
    assert snapshot["messages"] == MESSAGES
    assert begun["messageId"] == "msg_g_1_2"


def test_a_revision_before_the_text_takes_nothing_back() -> None:
    events = events_of([START, REVISION, *TEXT, COMPLETE])
    assert "MESSAGES_SNAPSHOT" not in types_of(events)


def test_a_failover_takes_reasoning_back_too() -> None:
    failover = Revision(2, None, None, "failover")
    events = events_of([START, Reasoning("Hm."), failover, Reasoning("So."), *TEXT, COMPLETE])
    (snapshot,) = (event for event in events if event["type"] == "MESSAGES_SNAPSHOT")
    empty: JsonObject = {"id": "rs_g_1_1", "role": "reasoning", "content": ""}
    assert snapshot["messages"] == [*MESSAGES, empty]
    assert [event["messageId"] for event in events if event["type"] == "REASONING_START"] == ["rs_g_1_1"] * 2
    assert text_of(events) == "Xin chào"
