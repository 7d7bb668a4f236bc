"""The log of a generation as responses of the Gemini API."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini.document import document
from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import CODES, Code
from gateway.protocol.events import Chunk, Part, Reasoning, Retry, Revision, TextBatch, ToolCall, Verbatim
from tests.gateway.dialects.gemini.projected import (
    IDENTITY,
    STARTED,
    USAGE_METADATA,
    Logged,
    complete,
    failed,
    interrupted,
    last,
    log_of,
    projected,
    response,
    responses,
)

THEIRS = b'{"candidates":[{"content":{"parts":[{"text":"Xin"}]},"new":1}],"modelVersion":"theirs"}'
THEIR_END = b'{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"new":2}}'
THEIR_ERROR = b'{"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}'


def test_a_text() -> None:
    assert responses(STARTED, Chunk("Xin "), Chunk('"chào"\n'), complete()) == [
        response({"text": "Xin "}),
        response({"text": '"chào"\n'}),
        last({"text": ""}, finishReason="STOP"),
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)))
def test_joined_texts_are_the_same_response(texts: list[str]) -> None:
    batch = [TextBatch.of(Chunk, texts)] if texts else []
    one = document(projected(log_of(STARTED, *map(Chunk, texts), complete()))[0])
    other = document(projected(log_of(STARTED, *batch, complete()))[0])
    assert one == other


def test_a_call_comes_whole() -> None:
    assert responses(
        STARTED, Chunk("x"), ToolCall(0, "c", "look", '{"a"'), ToolCall(0, None, None, ":1}"), complete("tool_calls")
    ) == [
        response({"text": "x"}),
        last({"functionCall": {"id": "c", "name": "look", "args": {"a": 1}}}, finishReason="STOP"),
    ]


def test_a_text_after_a_call_stays_after_it() -> None:
    found = responses(STARTED, ToolCall(0, "c", "look", "{}"), Chunk("x"), Chunk("y"), complete("tool_calls"))
    call: JsonObject = {"functionCall": {"id": "c", "name": "look", "args": {}}}
    assert found[:2] == [response(call, {"text": "x"}), response({"text": "y"})]


def test_thoughts_images_and_log_probabilities() -> None:
    body: JsonObject = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    tokens = [{"token": "x", "logprob": -1.0, "bytes": None, "top_logprobs": []}]
    found = responses(
        STARTED,
        Reasoning("Hm"),
        Part("image", {"media_type": "image/png", "data": "AA"}),
        Part("logprobs", {"tokens": tokens}),  # type: ignore[dict-item]
        Chunk("x"),
        body=body,
    )
    result = {"topCandidates": [{"candidates": []}], "chosenCandidates": [{"token": "x", "logProbability": -1.0}]}
    assert found == [
        response({"text": "Hm", "thought": True}),
        response({"inlineData": {"mimeType": "image/png", "data": "AA"}}),
        response({"text": "x"}, logprobsResult=result),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("pause_turn", "STOP"),
        (None, "STOP"),
        ("new", "OTHER"),
    ],
)
def test_finish_reasons(reason: str | None, expected: str) -> None:
    assert responses(STARTED, complete(reason)) == [last({"text": ""}, finishReason=expected)]


def test_an_interrupt_is_a_normal_end() -> None:
    message = "Interrupted by client: enough"
    assert responses(STARTED, Chunk("x"), interrupted("enough"))[-1] == last(
        {"text": ""}, finishReason="STOP", finishMessage=message
    )


@pytest.mark.parametrize(
    ("code", "expected"), [("content_filter", "SAFETY"), ("output_limit", "MAX_TOKENS"), ("budget_exceeded", "STOP")]
)
def test_failures_that_end_an_answer(code: str, expected: str) -> None:
    assert responses(STARTED, Chunk("x"), failed(code))[-1] == last(
        {"text": ""}, finishReason=expected, finishMessage="It failed."
    )


def test_another_failure_is_an_error_in_the_stream() -> None:
    error = responses(STARTED, Chunk("x"), failed("server_error", 1000))[-1]["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["status"], error["message"]) == (502, "UNAVAILABLE", "It failed.")


@pytest.mark.parametrize("code", ["truncated", "network_error", "stalled", "shutting_down"])
def test_a_cut_is_no_event(code: str) -> None:
    found, projection = projected(log_of(STARTED, Chunk("x"), failed(code)))
    assert len(found) == 1
    assert projection.is_cut


@pytest.mark.parametrize("code", list(Code))
def test_every_failure_ends_in_one_way(code: Code) -> None:
    found, projection = projected(log_of(STARTED, Chunk("x"), failed(code)))
    assert len(found) == (1 if projection.is_cut else 2)
    assert CODES[code].retryable or not projection.is_cut


def test_what_the_provider_sent_is_passed_on_as_it_came() -> None:
    found, _ = projected(
        log_of(STARTED, [Verbatim(THEIRS), Chunk("Xin")], [Chunk(" chào")], [Verbatim(THEIR_END)], complete())
    )
    assert [event.data for event in found] == [THEIRS, THEIR_END]


def test_joined_texts_are_passed_on_line_by_line() -> None:
    batch = TextBatch.of(Chunk, ["a", "b"])
    found, _ = projected(log_of(STARTED, [Verbatim(THEIRS + b"\n" + THEIRS), batch], [Verbatim(THEIR_END)], complete()))
    assert [event.data for event in found] == [THEIRS, THEIRS, THEIR_END]


def test_an_interrupt_ends_what_is_passed_on() -> None:
    found = responses(STARTED, [Verbatim(THEIRS), Chunk("Xin")], interrupted())
    assert found == [
        orjson.loads(THEIRS),
        last({"text": ""}, finishReason="STOP", finishMessage="Interrupted by client"),
    ]


def test_the_error_of_the_provider_is_passed_on_unless_another_attempt_follows() -> None:
    verbatim: list[Logged | list[Logged]] = [STARTED, [Verbatim(THEIRS), Chunk("Xin")], [Verbatim(THEIR_ERROR)]]
    assert responses(*verbatim, failed("server_error")) == [orjson.loads(THEIRS), orjson.loads(THEIR_ERROR)]
    retried: list[Logged] = [Retry(1, 0, "server_error", "p"), STARTED, Chunk(" chào"), complete()]
    assert responses(*verbatim, *retried) == [
        orjson.loads(THEIRS),
        response({"text": " chào"}),
        last({"text": ""}, finishReason="STOP"),
    ]


@pytest.mark.parametrize("first", [[Chunk("x")], [Verbatim(THEIRS), Chunk("x")]], ids=["ours", "passed on"])
def test_a_revision_follows_after_a_blank_line(first: list[Chunk | Verbatim]) -> None:
    revised: list[Logged] = [Revision(2, "f_x", 1.0), STARTED, Chunk("y"), Chunk("z"), complete()]
    found = responses(STARTED, first, ToolCall(0, "c", "look", "{}"), *revised)
    assert found[1:] == [
        response({"text": "\n\n"}, {"text": "y"}),
        response({"text": "z"}),
        last({"text": ""}, finishReason="STOP"),
    ]


def test_a_revision_before_the_first_content_shows_nothing() -> None:
    assert responses(STARTED, Revision(2, "f_x", 1.0), STARTED, Chunk("y"))[0] == response({"text": "y"})


def test_an_answer_that_a_failover_replaces_is_cut() -> None:
    found, projection = projected(
        log_of(STARTED, Chunk("x"), Revision(2, None, None, "failover"), STARTED, Chunk("y"), complete())
    )
    assert len(found) == 1
    assert projection.is_cut


def test_a_blocked_prompt_has_feedback_and_no_candidates() -> None:
    feedback: JsonObject = {"blockReason": "OTHER", "blockReasonMessage": "It failed."}
    assert responses(STARTED, failed("content_filter")) == [
        {"promptFeedback": feedback, "usageMetadata": USAGE_METADATA, **IDENTITY}
    ]
