"""Figures and faults of an outcome."""

from dataclasses import replace

import pytest

from tests.bench.messages import AnswerSpec, ProviderStats, StoppedStream, Tally
from tests.bench.meter import SteadyUsage, Usage
from tests.bench.outcome import Outcome, faults, figures, start_figures
from tests.bench.processes import StartUsage
from tests.bench.scenarios import Shape, Window

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


def test_a_steady_load_is_measured_in_its_window_alone() -> None:
    shape = Shape(8, 8, AnswerSpec(500, interval_ms=20), window=Window(settle_seconds=1, seconds=2))
    tally = Tally(requests=8, succeeded=8, tokens=4000, wall=4_000_000_000)
    steady = SteadyUsage(user=1_000_000, kernel=3_000_000, store=500_000, tokens=100)
    found = figures(Outcome(shape, tally, ProviderStats()), replace(USAGE, store_cpu=1, steady=steady), 0)
    names = ("user_us_per_token", "kernel_us_per_token", "cpu_us_per_token", "store_us_per_token")
    assert [found[name] for name in names] == pytest.approx([10, 30, 40, 5])


def test_unless_all_streams_run_at_once_there_is_no_figure_of_them() -> None:
    shape = Shape(8, 8, AnswerSpec(500, interval_ms=20), window=Window(settle_seconds=1, seconds=2))
    found = figures(Outcome(shape, Tally(tokens=4000), ProviderStats()), replace(USAGE, steady=None), 0)
    assert not {"cpu_us_per_token", "kb_per_stream"} & set(found)


def test_a_start_is_measured_in_seconds_and_megabytes() -> None:
    assert start_figures(StartUsage(cpu=500_000_000, seconds=0.7, memory=50 << 20)) == {
        "start_cpu_s": 0.5,
        "start_seconds": 0.7,
        "start_memory_mb": 50,
    }


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
