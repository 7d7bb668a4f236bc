"""The metrics of a generation, by its moments."""

from gateway.generation.content_counter import ContentCounter
from gateway.generation.timing import Timing
from gateway.protocol.events import Chunk, Metrics


def metrics(timing: Timing, now: float) -> Metrics:
    counter = ContentCounter(1000)
    counter.add([Chunk("chào"), Chunk("!")])
    return timing.metrics("r", counter, attempts=1, revisions=2, now=now)


def test_metrics_follow_the_moments() -> None:
    timing = Timing(100.0)
    timing.admitted_at, timing.first_content_at, timing.ended_at = 100.5, 101.0, 103.0
    found = metrics(timing, now=999.0)
    assert (found.queue_ms, found.ttft_ms, found.duration_ms) == (500, 1000, 3000)
    assert (found.chunks, found.chars, found.bytes, found.chars_per_s) == (2, 5, 6, 2.5)
    assert (found.request_id, found.attempts, found.revisions) == ("r", 1, 2)


def test_until_the_end_metrics_grow() -> None:
    timing = Timing(100.0)
    assert (metrics(timing, 100.25).queue_ms, metrics(timing, 100.25).duration_ms) == (250, 250)
    timing.admitted_at = 100.5
    assert (metrics(timing, 102.0).queue_ms, metrics(timing, 102.0).duration_ms) == (500, 2000)


def test_without_content_there_is_no_time_to_first_content_and_no_rate() -> None:
    timing = Timing(100.0)
    timing.ended_at = 100.5
    found = metrics(timing, 101.0)
    assert (found.ttft_ms, found.chars_per_s, found.queue_ms) == (None, None, 500)
    timing.first_content_at = 100.5
    assert metrics(timing, 101.0).chars_per_s is None


def test_an_answer_that_arrives_at_once_has_no_rate() -> None:
    timing = Timing(100.0)
    timing.first_content_at, timing.ended_at = 101.0, 101.000002
    assert metrics(timing, 102.0).chars_per_s is None
    timing.ended_at = 101.125
    assert metrics(timing, 102.0).chars_per_s == 40
