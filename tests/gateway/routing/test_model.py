"""The order in which a model's targets are called, and when a second one is started."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.latency import MIN_SAMPLES
from gateway.routing.model import EXPLORATION_RATE, Model, Policy, Routing
from gateway.routing.target import Target
from tests.scripted_upstream import ScriptedUpstream


def targets(*weights: float) -> list[Target]:
    return [Target(ScriptedUpstream(), weight=weight) for weight in weights]


def numbers_of(*numbers: float) -> Callable[[], float]:
    """Return a function that returns one number after the other, and the last one forever."""
    left: Iterator[float] = iter(numbers)
    return lambda: next(left, numbers[-1])


def order(listed: list[Target], routing: Routing, *numbers: float) -> list[int]:
    model = Model("m", listed, Policy(routing=routing, random=numbers_of(*numbers)))
    return [listed.index(target) for target in model.order(0.0)]


def test_ordered_keeps_the_listed_order() -> None:
    assert order(targets(1, 5, 9), "ordered", 0.9) == [0, 1, 2]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [((0.0,), [0, 1, 2]), ((0.24,), [0, 1, 2]), ((0.26, 0.0), [1, 0, 2]), ((0.99, 0.0), [2, 0, 1])],
)
def test_weighted_draws_by_weight(numbers: tuple[float, ...], expected: list[int]) -> None:
    assert order(targets(1, 1, 2), "weighted", *numbers) == expected


def test_weighted_shares_hold_over_many_draws() -> None:
    listed = targets(1, 3)
    firsts = Counter(order(listed, "weighted", step / 1000)[0] for step in range(1000))
    assert firsts == {0: 250, 1: 750}


def test_a_weight_of_zero_comes_last() -> None:
    assert {tuple(order(targets(0, 1, 0), "weighted", step / 100)) for step in range(100)} == {(1, 0, 2)}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_with_any_weights_each_target_comes_once(weights: list[float], chance: float) -> None:
    assert sorted(order(targets(*weights), "weighted", chance)) == list(range(len(weights)))


def test_fastest_comes_first_after_targets_without_a_sample() -> None:
    listed = targets(1, 1, 1)
    listed[0].latency.add(0.4)
    listed[1].latency.add(0.1)
    assert order(listed, "fastest", 0.9) == [2, 1, 0]
    listed[2].latency.add(0.2)
    assert order(listed, "fastest", 0.9) == [1, 2, 0]


def test_fastest_sometimes_explores_another_target() -> None:
    listed = targets(1, 1, 1)
    for target, seconds in zip(listed, (0.1, 0.2, 0.3), strict=True):
        target.latency.add(seconds)
    assert order(listed, "fastest", EXPLORATION_RATE - 0.001, 0.0) == [1, 0, 2]
    assert order(listed, "fastest", EXPLORATION_RATE - 0.001, 0.9) == [2, 0, 1]


def test_a_target_in_cooldown_comes_last() -> None:
    listed = targets(1, 1, 1)
    listed[0].cooldown_until = 10.0
    model = Model("m", listed)
    assert [listed.index(target) for target in model.order(9.9)] == [1, 2, 0]
    assert [listed.index(target) for target in model.order(10.0)] == [0, 1, 2]


def test_when_to_hedge() -> None:
    first, second = targets(1, 1)
    assert Model("m", [first, second], Policy(hedge=None)).hedge_after(first) is None
    assert Model("m", [first, second], Policy(hedge=0.5)).hedge_after(first) == 0.5
    assert Model("m", [first], Policy(hedge=0.5)).hedge_after(first) is None
    learning = Model("m", [first, second], Policy(hedge="p95"))
    assert learning.hedge_after(first) is None
    for _ in range(MIN_SAMPLES):
        first.latency.add(0.3)
    assert learning.hedge_after(first) == 0.3
