"""Percentiles by nearest rank."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.percentile import percentile

times = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


@given(times, st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert found is not None
    within = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert within >= math.ceil(share * len(values)) > below


def test_percentiles_of_known_values() -> None:
    assert percentile(range(1, 101), 0.5) == 50
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile(range(1, 21), 0.95) == 19
    assert percentile(range(1, 20), 0.95) == 19
    assert percentile([7.0], 0.5) == 7
    assert percentile([], 0.95) is None
