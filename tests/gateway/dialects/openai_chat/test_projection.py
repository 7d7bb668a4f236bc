"""A log as chunks: its attempts, and its ends."""

from dataclasses import replace

import orjson
import pytest

from gateway.protocol.events import Chunk, Complete, Revision, TextBatch, ToolCall, Usage, Verbatim
from gateway.upstreams.formats.json_values import object_of
from tests.gateway.dialects.openai_chat.responses import (
    COMPLETE,
    INTERRUPTED,
    METRICS,
    START,
    USAGE,
    choice_of,
    chunks_of,
    deltas_of,
    failed,
    projected,
    provider_chunk,
    verbatim,
)

USAGE_ASKED = {"stream_options": {"include_usage": True}}
FEEDBACK = Revision(2, "f", 1.0)
FAILOVER = Revision(2, None, None, "failover")
ROLE = provider_chunk({"role": "assistant", "content": ""})
HELLO = provider_chunk({"content": "Hel"})
FINISH = provider_chunk({}, "stop")
FIGURES = {"id": "theirs", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "x_new": 1}


def test_a_whole_answer() -> None:
    head = {"id": "chatcmpl-g_1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
    first, text, last = chunks_of([START, Chunk("a"), COMPLETE])
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert first == {**head, "choices": [{**choice, "delta": {"role": "assistant", "content": ""}}]}
    assert text == {**head, "choices": [{**choice, "delta": {"content": "a"}}]}
    assert last == {**head, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}]}


def test_usage_comes_last_if_it_was_asked_for() -> None:
    chunks = chunks_of([START, Chunk("a"), COMPLETE], **USAGE_ASKED)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None, None, None]
    assert (chunks[-1]["choices"], object_of(chunks[-1]["usage"])["total_tokens"]) == ([], 30)


@pytest.mark.parametrize(
    ("reason", "projection"),
    [
        *(("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("content_filter", "content_filter")),
        *((None, "stop"), ("pause_turn", "stop"), ("other", "stop")),
    ],
)
def test_a_finish_reason_is_one_of_the_api(reason: str | None, projection: str) -> None:
    end = Complete(reason, USAGE, None, METRICS, {"service_tier": "default", "stop_details": {}})
    last = chunks_of([START, Chunk("a"), end])[-1]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": projection}]
    assert last["service_tier"] == "default"


def test_an_interrupt_is_a_normal_end() -> None:
    last, usage = chunks_of([START, Chunk("a"), INTERRUPTED], **USAGE_ASKED)[-2:]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert last["dualstream"] == {"interrupted": {"by": "client", "reason": "enough"}}
    assert usage["usage"] is not None


def test_an_end_without_content_has_a_role_too() -> None:
    assert [chunk["choices"] for chunk in chunks_of([INTERRUPTED])] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}],
        [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
    ]


@pytest.mark.parametrize("code", ["truncated", "network_error", "stalled", "shutting_down"])
def test_a_lost_provider_is_a_lost_connection(code: str) -> None:
    projection, sent = projected([START, Chunk("a"), failed(code)])
    assert (projection.is_cut, len(sent)) == (True, 2)


def test_any_other_failure_is_an_error_event() -> None:
    projection, sent = projected([START, Chunk("a"), failed("server_error")])
    error = {"message": "It failed.", "type": "server_error", "param": None, "code": "server_error"}
    assert not projection.is_cut
    assert [event.data for event in sent[2:]] == [orjson.dumps({"error": error}), b"[DONE]"]


@pytest.mark.parametrize(
    ("code", "reason"), [("output_limit", "length"), ("content_filter", "content_filter"), ("budget_exceeded", "stop")]
)
def test_failures_that_are_normal_ends_of_this_api(code: str, reason: str) -> None:
    last, usage = chunks_of([START, Chunk("a"), failed(code)], **USAGE_ASKED)[-2:]
    assert choice_of(last)["finish_reason"] == reason
    assert usage["usage"] is not None
    assert last["dualstream"] == {"code": code, "reason": "It failed."}


def test_the_provider_own_chunks_are_passed_on() -> None:
    role, hello, finish, figures = verbatim(ROLE, HELLO, FINISH, FIGURES)
    events = [START, role, hello, Chunk("Hel"), finish, figures, Verbatim(b"[DONE]"), COMPLETE]
    assert chunks_of(events, **USAGE_ASKED) == [ROLE, HELLO, FINISH, FIGURES]
    assert chunks_of(events) == [ROLE, HELLO, FINISH]


def test_more_of_a_chunk_that_was_passed_on_is_not_passed_on_again() -> None:
    hello, finish = verbatim(HELLO, FINISH)
    assert chunks_of([START, hello, Chunk("H"), Chunk("el"), finish, COMPLETE]) == [HELLO, FINISH]


def test_ends_that_the_provider_did_not_send_are_added() -> None:
    (hello,) = verbatim(HELLO)
    sent, finish, figures = chunks_of([START, hello, Chunk("Hel"), INTERRUPTED], **USAGE_ASKED)
    assert sent == HELLO
    assert (finish["id"], finish["model"]) == ("theirs", "their-m")
    assert finish["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert (figures["id"], figures["usage"] is None) == ("theirs", False)


def test_another_attempt_continues_the_provider_own_chunks() -> None:
    (hello,) = verbatim(HELLO)
    events = [START, hello, Chunk("Hel"), replace(START, attempt=2), Chunk("lo"), COMPLETE]
    sent, more, finish = chunks_of(events)
    assert sent == HELLO
    assert (more["id"], more["choices"]) == (
        "theirs",
        [{"index": 0, "delta": {"content": "lo"}, "logprobs": None, "finish_reason": None}],
    )
    assert finish["id"] == "theirs"


def test_the_end_of_an_earlier_attempt_is_none_of_the_answer() -> None:
    hello, finish = verbatim(HELLO, FINISH)
    events = [START, hello, Chunk("Hel"), finish, FEEDBACK, START, Chunk("lo"), COMPLETE]
    assert choice_of(chunks_of(events)[-1])["finish_reason"] == "stop"
    assert len(chunks_of(events)) == 5


def test_feedback_begins_another_paragraph_and_other_calls() -> None:
    events: list[object] = [
        START,
        Chunk("a"),
        ToolCall(0, "c", "f", "{}"),
        FEEDBACK,
        START,
        Chunk("b"),
        ToolCall(0, "d", "f", "{}"),
    ]
    assert deltas_of([*events, COMPLETE])[3:] == [
        {"content": "\n\n"},
        {"content": "b"},
        {"tool_calls": [{"index": 1, "id": "d", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_feedback_before_any_text_begins_none() -> None:
    assert deltas_of([START, FEEDBACK, START, Chunk("b"), COMPLETE]) == [{"content": "b"}]


def test_a_text_that_replaces_another_ends_the_response() -> None:
    projection, sent = projected([START, Chunk("a"), FAILOVER, START, Chunk("b"), COMPLETE])
    assert (projection.is_cut, len(sent)) == (True, 2)


def test_text_may_come_joined() -> None:
    _, sent = projected([START, TextBatch.of(Chunk, ["a", "b"]), Chunk("c"), COMPLETE])
    assert [orjson.loads(event.data)["choices"][0]["delta"] for event in sent[1:3]] == [
        {"content": "ab"},
        {"content": "c"},
    ]


def test_estimated_usage_is_marked() -> None:
    end = replace(INTERRUPTED, usage=Usage(1, 2, "estimated"))
    usage = chunks_of([START, Chunk("a"), end], **USAGE_ASKED)[-1]["usage"]
    assert isinstance(usage, dict)
    assert usage["estimated"] is True
