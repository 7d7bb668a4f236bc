"""What is made of what load and provider saw."""

import pytest

from tests.bench.judge import Outcome, faults, figures
from tests.bench.measurement import Usage
from tests.bench.scenarios import Shape
from tests.bench.wire import Answer, Served, Stopped, Tally

USAGE = Usage(cpu=2_000_000_000, seconds=4.0, memory_before=2**20, memory_peak=3 * 2**20, others_busy=0.5, stolen=0.0)


def test_costs_are_by_token_request_and_stream() -> None:
    tally = Tally(requests=10, succeeded=10, tokens=1000, wall=4_000_000_000)
    told = figures(Outcome(Shape(8, 10, Answer(100)), tally, Served()), USAGE, provider_cpu=1_000_000)
    assert told["cpu_us_per_token"] == 2000
    assert told["cpu_ms_per_request"] == 200
    assert told["kb_per_stream"] == 256
    assert told["cores"] == 0.5
    assert told["tokens_per_second"] == 250
    assert "close_p50_ms" not in told


def test_a_close_is_timed_from_the_stop_and_what_came_after_is_counted() -> None:
    shape = Shape(2, 2, Answer(100), leave_after=10)
    tally = Tally(requests=2, succeeded=2, stopped=[Stopped(1, 1_000_000, 10), Stopped(2, 2_000_000, 10)])
    outcome = Outcome(shape, tally, Served(closes=[(1, 4_000_000, 12)]))
    told = figures(outcome, USAGE, 0)
    assert told["close_p50_ms"] == 3
    # Of the one that was never closed all the rest is made for nobody.
    assert told["unseen_tokens"] == pytest.approx((2 + 90) / 2)
    assert told["never_closed"] == 1
    assert faults(outcome, must_close=True) == ["1 of 2 streams never closed at the provider"]
    assert faults(outcome, must_close=False) == []


def test_what_passes_the_fence_is_a_fault() -> None:
    tally = Tally(requests=1, succeeded=1, stopped=[Stopped(1, 0, 5, past_fence=2)])
    outcome = Outcome(Shape(1, 1, Answer(9), interrupt_after=5), tally, Served(closes=[(1, 9, 5)]))
    assert faults(outcome, must_close=True) == ["2 events past the fence"]


def test_requests_that_were_never_made_are_a_fault() -> None:
    outcome = Outcome(Shape(1, 3, Answer(9)), Tally(requests=2, succeeded=2), Served())
    assert faults(outcome, must_close=True) == ["2 of 3 requests succeeded"]
