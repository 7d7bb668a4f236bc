"""Figures and faults of an outcome."""

import pytest

from tests.bench.measurement import Usage
from tests.bench.messages import AnswerSpec, ProviderStats, StoppedStream, Tally
from tests.bench.outcome import Outcome, faults, figures
from tests.bench.scenarios import Shape

USAGE = Usage(cpu=2_000_000_000, seconds=4.0, memory_before=2**20, memory_peak=3 * 2**20, others_busy=0.5, stolen=0.0)


def test_costs_are_per_token_request_and_stream() -> None:
    tally = Tally(requests=10, succeeded=10, tokens=1000, wall=4_000_000_000)
    found = figures(Outcome(Shape(8, 10, AnswerSpec(100)), tally, ProviderStats()), USAGE, provider_cpu=1_000_000)
    assert found["cpu_us_per_token"] == 2000
    assert found["cpu_ms_per_request"] == 200
    assert found["kb_per_stream"] == 256
    assert found["cores"] == 0.5
    assert found["tokens_per_second"] == 250
    assert "close_p50_ms" not in found


def test_a_disconnect_is_timed_from_the_stop_and_later_tokens_are_counted() -> None:
    shape = Shape(2, 2, AnswerSpec(100), leave_after=10)
    tally = Tally(requests=2, succeeded=2, stopped=[StoppedStream(1, 1_000_000, 10), StoppedStream(2, 2_000_000, 10)])
    outcome = Outcome(shape, tally, ProviderStats(closes=[(1, 4_000_000, 12)]))
    found = figures(outcome, USAGE, 0)
    assert found["close_p50_ms"] == 3
    # The stream that is never closed is generated to its end.
    assert found["unseen_tokens"] == pytest.approx((2 + 90) / 2)
    assert found["never_closed"] == 1
    assert faults(outcome, must_close=True) == ["1 of 2 streams never closed at the provider"]
    assert faults(outcome, must_close=False) == []


def test_an_event_after_the_fence_is_a_fault() -> None:
    tally = Tally(requests=1, succeeded=1, stopped=[StoppedStream(1, 0, 5, past_fence=2)])
    outcome = Outcome(Shape(1, 1, AnswerSpec(9), interrupt_after=5), tally, ProviderStats(closes=[(1, 9, 5)]))
    assert faults(outcome, must_close=True) == ["2 events after the fence"]


def test_requests_that_were_never_sent_are_a_fault() -> None:
    outcome = Outcome(Shape(1, 3, AnswerSpec(9)), Tally(requests=2, succeeded=2), ProviderStats())
    assert faults(outcome, must_close=True) == ["2 of 3 requests succeeded"]
