"""In which order targets are asked, and how that is learned."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.latency import ENOUGH, WINDOW, LatencyStats
from gateway.routing.model import EXPLORE, Model, Policy, Routing
from gateway.routing.target import Target
from tests.support import ScriptedUpstream


def targets(*weights: float) -> list[Target]:
    return [Target(ScriptedUpstream(), weight=weight) for weight in weights]


def chances(*numbers: float) -> Callable[[], float]:
    """Give one number after the other, the last one for ever."""
    left: Iterator[float] = iter(numbers)
    return lambda: next(left, numbers[-1])


def order(listed: list[Target], routing: Routing, *numbers: float) -> list[int]:
    model = Model("m", listed, Policy(routing=routing, random=chances(*numbers)))
    return [listed.index(target) for target in model.order(0.0)]


def test_as_they_are_listed() -> None:
    assert order(targets(1, 5, 9), "ordered", 0.9) == [0, 1, 2]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [((0.0,), [0, 1, 2]), ((0.24,), [0, 1, 2]), ((0.26, 0.0), [1, 0, 2]), ((0.99, 0.0), [2, 0, 1])],
)
def test_by_chance_with_their_weights(numbers: tuple[float, ...], expected: list[int]) -> None:
    assert order(targets(1, 1, 2), "weighted", *numbers) == expected


def test_weights_hold_over_many() -> None:
    listed = targets(1, 3)
    firsts = Counter(order(listed, "weighted", step / 1000)[0] for step in range(1000))
    assert firsts == {0: 250, 1: 750}


def test_what_weighs_nothing_is_asked_when_all_else_failed() -> None:
    assert {tuple(order(targets(0, 1, 0), "weighted", step / 100)) for step in range(100)} == {(1, 0, 2)}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_whatever_the_weights_everybody_is_asked_once(weights: list[float], chance: float) -> None:
    assert sorted(order(targets(*weights), "weighted", chance)) == list(range(len(weights)))


def test_the_fastest_first_and_who_is_not_known_before_them() -> None:
    listed = targets(1, 1, 1)
    listed[0].latency.add(0.4)
    listed[1].latency.add(0.1)
    assert order(listed, "fastest", 0.9) == [2, 1, 0]
    listed[2].latency.add(0.2)
    assert order(listed, "fastest", 0.9) == [1, 2, 0]


def test_now_and_then_another_one_comes_first_so_that_it_stays_known() -> None:
    listed = targets(1, 1, 1)
    for target, seconds in zip(listed, (0.1, 0.2, 0.3), strict=True):
        target.latency.add(seconds)
    assert order(listed, "fastest", EXPLORE - 0.001, 0.0) == [1, 0, 2]
    assert order(listed, "fastest", EXPLORE - 0.001, 0.9) == [2, 0, 1]


def test_who_asked_to_be_left_alone_comes_last() -> None:
    listed = targets(1, 1, 1)
    listed[0].cooldown_until = 10.0
    model = Model("m", listed)
    assert [listed.index(target) for target in model.order(9.9)] == [1, 2, 0]
    assert [listed.index(target) for target in model.order(10.0)] == [0, 1, 2]


def test_the_mean_follows_what_happens() -> None:
    assert LatencyStats().mean is None
    pace = LatencyStats()
    for seconds in (1.0, *repeat(0.1, 30)):
        pace.add(seconds)
    assert pace.mean == pytest.approx(0.1, abs=0.01)


def test_a_percentile_needs_enough_and_forgets_what_is_long_past() -> None:
    pace, found = LatencyStats(), list[float | None]()
    for step in range(ENOUGH):
        pace.add(step)
        found.append(pace.p95)
    # Of 0 … 19, 19 of 20 are at most 18.
    assert found == [*repeat(None, ENOUGH - 1), ENOUGH - 2]
    for _ in range(WINDOW):
        pace.add(7.0)
    assert pace.p95 == 7.0


def test_when_to_race() -> None:
    first, second = targets(1, 1)
    assert Model("m", [first, second], Policy(hedge=None)).hedge_after(first) is None
    assert Model("m", [first, second], Policy(hedge=0.5)).hedge_after(first) == 0.5
    assert Model("m", [first], Policy(hedge=0.5)).hedge_after(first) is None
    learning = Model("m", [first, second], Policy(hedge="p95"))
    assert learning.hedge_after(first) is None
    for _ in range(ENOUGH):
        first.latency.add(0.3)
    assert learning.hedge_after(first) == 0.3
