"""Faults that end after some calls."""

from gateway.simulator.fault_counts import FaultCounts
from gateway.simulator.settings import SimulatorSettings


def test_a_fault_ends_after_so_many_calls_of_its_run() -> None:
    counts = FaultCounts()
    settings = SimulatorSettings(fault="500", times=2, run="a")
    assert [counts.apply(settings).fault for _ in range(4)] == ["500", "500", None, None]
    assert counts.apply(SimulatorSettings(fault="500", times=2, run="b")).fault == "500"


def test_without_a_number_each_call_has_the_fault() -> None:
    counts = FaultCounts()
    assert [counts.apply(SimulatorSettings(fault="drop")).fault for _ in range(3)] == ["drop"] * 3
    assert counts.apply(SimulatorSettings(times=1)).fault is None


def test_old_runs_are_forgotten() -> None:
    counts = FaultCounts()
    for run in range(10_001):
        counts.apply(SimulatorSettings(fault="500", times=1, run=str(run)))
    assert counts.apply(SimulatorSettings(fault="500", times=1, run="10000")).fault is None
    assert counts.apply(SimulatorSettings(fault="500", times=1, run="0")).fault == "500"
