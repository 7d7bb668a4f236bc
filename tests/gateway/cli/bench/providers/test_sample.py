"""Samples of recorded reads."""

import pytest

from gateway.billing.usage import estimate_input
from gateway.cli.bench.providers.sample import EMPTY, Recorder, Sample
from gateway.protocol.events import Chunk, Reasoning, TextBatch, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent
from tests.start_requests import user_message

PROMPT = [user_message("Hello")]


def record(*reads: tuple[float, list[UpstreamEvent]]) -> Sample:
    recorder = Recorder(100.0, PROMPT)
    for now, parts in reads:
        recorder.add(parts, 100.0 + now)
    return recorder.complete(100.0 + reads[-1][0] if reads else 101.0)


def test_speed_is_measured_after_the_first_read() -> None:
    sample = record(
        (0.25, [Chunk("")]),
        (0.5, [Chunk("first")]),
        (1.0, [TextBatch(Chunk("ab" * 5), [5, 10])]),
        (1.5, [Usage(None, None, "exact")]),
        (2.5, [Chunk("c" * 10)]),
        (3.0, [Finished("stop")]),
        (4.0, [Usage(7, 50, "exact", cached_input_tokens=3)]),
    )
    assert sample.ttft == 0.5
    assert sample.duration == 3.0
    assert sample.gaps == [0.5, 1.5]
    assert (sample.chars, sample.chars_per_s) == (25, 10.0)
    assert sample.tokens_per_s == pytest.approx(20.0)
    assert sample.usage == Usage(7, 50, "exact", cached_input_tokens=3)


@pytest.mark.parametrize(
    "first", [Reasoning("hm"), ToolCall(0, "id", "name", ""), TextBatch(Reasoning("hm"), [2]), Chunk("x")]
)
def test_any_content_counts_as_the_first(first: UpstreamEvent) -> None:
    assert record((0.5, [first]), (0.75, [Chunk("y")])).ttft == 0.5


def test_hidden_reasoning_does_not_count_as_speed() -> None:
    usage = Usage(7, 100, "exact", reasoning_tokens=90)
    hidden = record((1.0, [Chunk("a" * 10)]), (2.0, [Chunk("b" * 10), usage]))
    assert hidden.sent_tokens == 10
    shown = record((1.0, [Reasoning("a" * 10)]), (2.0, [Chunk("b" * 10), usage]))
    assert shown.sent_tokens == 100


def test_missing_counts_are_estimated() -> None:
    uncounted = record((1.0, [Chunk("\u00e9" * 10)]))
    assert uncounted.usage == Usage(estimate_input(PROMPT), 5, "estimated")
    half = record((1.0, [Chunk("a" * 40), Usage(None, 12, "exact")]))
    assert half.usage == Usage(estimate_input(PROMPT), 12, "estimated")


def test_an_answer_in_one_read_has_no_speed() -> None:
    sample = record((1.0, [Chunk("all of it"), Finished("stop")]))
    assert sample.ttft == 1.0
    assert (sample.chars_per_s, sample.tokens_per_s, list(sample.gaps)) == (None, None, [])


def test_a_tool_call_without_arguments_has_no_tokens_a_second() -> None:
    sample = record((1.0, [ToolCall(0, "id", "name", "")]), (2.0, [ToolCall(1, "id", "name", "")]))
    assert (sample.chars_per_s, sample.tokens_per_s) == (0.0, None)


def test_an_empty_answer_is_a_failure() -> None:
    sample = record((0.5, [Chunk("")]), (1.0, [Finished("stop"), Usage(7, 0, "exact")]))
    assert (sample.failure, sample.ttft, sample.usage) == (EMPTY, None, None)


def test_a_failure_keeps_its_time_to_first_token() -> None:
    recorder = Recorder(100.0, PROMPT)
    recorder.add([Chunk("abc")], 100.5)
    sample = recorder.failed(101.0, "truncated", "It broke.")
    assert sample == Sample(1.0, 0.5, 3, failure="truncated", message="It broke.")
