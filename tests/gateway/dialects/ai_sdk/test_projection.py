"""The log of a generation as a UI message stream."""

import pytest

from gateway.dialects.ai_sdk.projection import AiSdkProjection
from gateway.dialects.base import ProjectedEvent
from gateway.dialects.numbering import NumberedProjection
from gateway.generation.event_log import merge
from gateway.protocol.events import (
    Chunk,
    Complete,
    Feedback,
    Queued,
    Reasoning,
    Retry,
    Revision,
    SignedReasoning,
    TextBatch,
    ToolCall,
    Verbatim,
)
from tests.gateway.dialects.ai_sdk.streams import (
    COMPLETE,
    IDENTITY,
    INTERRUPTED,
    START,
    Json,
    chunks,
    chunks_of,
    failed,
    kinds,
    log_of,
    message,
    message_of,
    project,
)

FAILOVER = Revision(2, None, None, "failover")


def signal(name: str, **data: object) -> Json:
    return {"type": f"data-dualstream-{name}", "data": data, "transient": True}


def test_a_text() -> None:
    found = chunks(START, Chunk("Xin "), Chunk("chào"), COMPLETE)
    assert kinds(found) == [
        "start",
        "start-step",
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "finish-step",
        "finish",
    ]
    assert found[0] == {
        "type": "start",
        "messageId": "msg_1",
        "messageMetadata": {"generationId": "g_1", "model": "m"},
    }
    assert message_of(found).text == "Xin chào"


def test_the_response_ends_as_the_sdks_own() -> None:
    log = log_of([Chunk("a"), COMPLETE])
    assert project(log)[-1].data == b"[DONE]"
    assert project(log, AiSdkProjection(IDENTITY, "msg_1", done=False))[-1].data.startswith(b'{"type":"finish"')


def test_what_happens_before_the_first_content_begins_no_message() -> None:
    found = chunks_of(project(log_of([Queued(2, None), START, Retry(1, 250, "timeout", "p"), START])))
    assert found == [
        signal("generation", generationId="g_1", requestId="r", model="m"),
        signal("queue", position=2, etaMs=None),
        signal("start", provider="p", upstreamModel="m", attempt=1, revision=1),
        signal("retry", attempt=1, delayMs=250, code="timeout", provider="p"),
        signal("start", provider="p", upstreamModel="m", attempt=1, revision=1),
    ]


def test_reasoning_stands_in_a_part_of_its_own() -> None:
    found = message(Reasoning("hm "), Reasoning("so"), SignedReasoning("", "c2ln", "anthropic"), Chunk("a"), COMPLETE)
    assert found.parts[1:] == [
        {
            "type": "reasoning",
            "text": "hm so",
            "metadata": {"dualstream": {"signature": "c2ln", "format": "anthropic"}},
        },
        {"type": "text", "text": "a", "metadata": None},
    ]


def test_a_new_text_replaces_the_one_before() -> None:
    found = message(Chunk("old"), ToolCall(0, "c", "f", "{}"), FAILOVER, START, Chunk("new"), COMPLETE)
    assert [part["type"] for part in found.parts] == ["step-start", "text"]
    assert found.text == "new"
    assert found.metadata["revision"] == 2
    assert signal("revision", revision=2, feedbackId=None, cancelMs=None, reason="failover") in found.signals


def test_a_new_text_before_the_first_one_is_nothing_but_a_signal() -> None:
    feedback = Feedback("f_1", "revise", "shorter", None)
    found = chunks_of(project(log_of([feedback, Revision(2, "f_1", 3.0), Chunk("new"), COMPLETE])))
    assert signal("feedback", feedbackId="f_1", mode="revise", text="shorter", rating=None) in found
    assert "reset-step" not in kinds(found)
    assert message_of(found).text == "new"


def test_a_client_that_can_not_reset_is_cut_and_resumes_with_the_new_text() -> None:
    log = log_of([START, Chunk("old"), FAILOVER, START, Chunk("new"), COMPLETE])
    projection = AiSdkProjection(IDENTITY, "msg_1", resets=False)
    found = message_of(chunks_of(project(log, projection)))
    assert projection.is_cut
    assert (found.text, found.finish_reason) == ("old", None)
    revised = next(entry.last for entry in log.since(0) if entry.kind is Revision)
    again = AiSdkProjection(IDENTITY, "msg_1", resets=False, after=revised)
    assert message_of(chunks_of(project(log, again))).text == "new"
    assert not again.is_cut


def test_a_client_that_can_not_reset_is_not_cut_before_it_has_anything() -> None:
    projection = AiSdkProjection(IDENTITY, "msg_1", resets=False)
    found = message_of(chunks_of(project(log_of([START, FAILOVER, START, Chunk("new"), COMPLETE]), projection)))
    assert (found.text, projection.is_cut) == ("new", False)


def test_an_answer_without_content_is_an_empty_message() -> None:
    found = message(START, COMPLETE)
    assert (found.id, found.parts, found.finish_reason) == ("msg_1", [{"type": "step-start"}], "stop")


@pytest.mark.parametrize("end", [INTERRUPTED, failed("server_error", partial=False)])
def test_an_end_before_the_first_content_leaves_no_message(end: object) -> None:
    found = message(START, end)
    assert (found.id, found.parts, found.metadata) == ("", [], {})
    assert found.finish_reason in {"other", "error"}


def test_data_of_the_provider_is_not_passed_on() -> None:
    assert message(Verbatim(b"{}"), Chunk("a"), Verbatim(b"{}"), COMPLETE).text == "a"


def test_the_short_way_of_text_brings_the_same_chunks() -> None:
    log = log_of([START, *map(Chunk, ["a", '"\n', "c"]), Reasoning("r"), Chunk("d"), INTERRUPTED])
    projection, found = AiSdkProjection(IDENTITY, "msg_1"), b""
    texts = 0
    for entry in log.since(0):
        lines = projection.project_text(entry)
        texts += bool(lines)
        found += lines + b"\n" if lines else b"".join(event.data + b"\n" for event in projection.project(entry))
    assert texts == 2
    assert found == b"".join(event.data + b"\n" for event in project(log))


def test_numbers_do_not_depend_on_what_was_joined() -> None:
    log = log_of([START])
    log.extend([TextBatch.of(Reasoning, ["h", "m"]), TextBatch.of(Chunk, ["a", "b", "c"])])
    log.extend([ToolCall(0, "c", "f", '{"a"'), ToolCall(0, None, None, ":"), ToolCall(0, None, None, "1}")])
    log.append(Complete("tool_calls", COMPLETE.usage, None, COMPLETE.metrics))

    def numbered() -> list[ProjectedEvent]:
        projection = NumberedProjection(AiSdkProjection(IDENTITY, "msg_1"))
        return [event for entry in merge(log.since(0), with_ends=True) for event in projection.project(entry)]

    single = numbered()
    log.compact()
    assert numbered() == single
    assert message_of(chunks_of(single)).parts == message_of(chunks_of(project(log))).parts
