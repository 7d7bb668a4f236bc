"""Figures of transports, and which differences count."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.bench.transports.figures import Difference, cpu_per_event, delays, difference, figure
from gateway.cli.bench.transports.sample import Answer, Sample
from gateway.client import TransportName
from tests.gateway.cli.bench.transports.examples import answer, cpu, samples


def test_the_figure_of_a_transport() -> None:
    found = figure({0: [1.0, 2.0, 9.0], 1: [], 2: [3.0, 4.0]})
    assert found is not None
    assert (found.p50, found.p99, found.count, found.rounds) == (3.0, 9.0, 5, {0: 2.0, 2: 3.5})
    assert figure({}) is None
    assert figure({0: []}) is None


@pytest.mark.parametrize(
    ("same_sign", "rounds", "is_real"), [(10, 10, True), (9, 10, False), (8, 8, True), (7, 7, False), (0, 0, False)]
)
def test_a_difference_counts_if_chance_is_an_unlikely_cause(*, same_sign: int, rounds: int, is_real: bool) -> None:
    assert Difference(1.0, same_sign, rounds).is_real == is_real


def test_rounds_are_compared_as_pairs() -> None:
    one, other = figure({0: [10.0], 1: [20.0], 2: [31.0]}), figure({0: [9.0], 1: [20.0], 2: [33.0], 3: [1.0]})
    assert one is not None
    assert other is not None
    # The round without a difference says nothing, and the one without a partner neither.
    assert difference(one, other) == Difference(0.0, 1, 2)
    assert difference(other, one) == Difference(0.0, 1, 2)
    alone = figure({9: [1.0]})
    assert alone is not None
    assert difference(one, alone) is None


@given(st.dictionaries(st.integers(0, 20), st.lists(st.floats(0, 1e6), max_size=5)), st.floats(0.5, 100))
def test_a_slower_transport_is_slower_in_all_rounds(values: dict[int, list[float]], factor: float) -> None:
    one, slower = figure(values), figure({number: [each + factor for each in row] for number, row in values.items()})
    if one is None or slower is None:
        assert not any(values.values())
        return
    found = difference(slower, one)
    assert found is not None
    assert found.same_sign == found.rounds == len(one.rounds)
    assert one.p50 <= one.p99 < inf


def test_delays_on_one_clock_are_as_measured() -> None:
    found, same_clock = delays(samples(2))
    assert same_clock
    assert found["sse"][0] == pytest.approx([0.002, 0.003, 0.004])
    assert found["ws"][0] == pytest.approx([0.001, 0.0015, 0.002])


@pytest.mark.parametrize("offset", [-86_400.0, -0.5, 5_000.0])
def test_delays_on_another_clock_are_those_above_the_fastest_of_the_round(offset: float) -> None:
    both: list[tuple[TransportName, float]] = [("sse", 0.002), ("ws", 0.001)]
    moved = [
        Sample(number, transport, answer_at(offset + drift, delay))
        for number, drift in ((0, 0.0), (1, 0.25))
        for transport, delay in both
    ]
    found, same_clock = delays(moved)
    assert not same_clock
    for number in (0, 1):
        assert found["ws"][number] == pytest.approx([0, 0.0005, 0.001], abs=1e-6)
        assert found["sse"][number] == pytest.approx([0.001, 0.002, 0.003], abs=1e-6)


def answer_at(offset: float, delay: float) -> Answer:
    found = answer(delay)
    return replace(found, delays=[each + offset for each in found.delays])


def test_cpu_is_that_of_one_event() -> None:
    turns = [cpu("sse", 0, None), cpu("ws", 0, 0.002)]
    assert cpu_per_event(turns, lambda turn: turn.client) == {"sse": {0: [0.0001]}, "ws": {0: [0.0001]}}
    assert cpu_per_event(turns, lambda turn: turn.gateway) == {"ws": {0: [0.0002]}}
