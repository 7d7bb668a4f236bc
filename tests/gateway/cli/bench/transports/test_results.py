"""Results of a run."""

from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.transports.plan import Plan
from gateway.cli.bench.transports.results import build_results, microseconds, size
from gateway.cli.bench.transports.sample import Failure, Sample
from tests.gateway.cli.bench.transports.examples import INFO, MACHINE, mixed, samples


def test_every_measure_has_the_figures_of_all_transports() -> None:
    results = mixed()
    assert [measure.name for measure in results.measures] == [
        "delay",
        "gap",
        "accepted",
        "ttft",
        "reconnect",
        "stop_ack",
        "stop_end",
        "received",
        "sent",
        "client_cpu",
        "gateway_cpu",
    ]
    assert all(set(measure.figures) == {"sse", "ws"} for measure in results.measures)
    assert not results.broken
    assert results.same_clock
    received = next(measure for measure in results.measures if measure.name == "received")
    assert (received.figures["sse"].p50, received.figures["ws"].p50) == (100, 120)


def test_what_was_not_measured_is_left_out() -> None:
    results = build_results(Plan(), samples(stamped=False), [], INFO, MACHINE)
    names = {measure.name for measure in results.measures}
    assert names.isdisjoint({"delay", "client_cpu", "gateway_cpu"})
    assert "gap" in names
    assert results.same_clock is None
    assert build_results(Plan(), [], [], INFO, MACHINE).measures == []


def test_a_run_is_broken_if_every_answer_of_a_transport_failed() -> None:
    failed = Sample(0, "ws", Failure("forbidden", "No."))
    of_sse = [each for each in samples() if each.transport == "sse"]
    assert build_results(Plan(), [*of_sse, failed], [], INFO, MACHINE).broken
    assert not build_results(Plan(), [*samples(), failed], [], INFO, MACHINE).broken
    assert not build_results(Plan(), [], [], INFO, MACHINE).broken


def test_sizes_and_short_times_are_formatted() -> None:
    assert [size(None), size(4.25), size(107.3), size(12345)] == [UNKNOWN, "4.2 B", "107 B", "12,345 B"]
    assert [microseconds(None), microseconds(0.000244)] == [UNKNOWN, "244 µs"]
