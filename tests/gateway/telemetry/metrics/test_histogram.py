from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.metrics.histogram import Histogram

BOUNDS = (0.1, 1.0, 10.0)


def test_a_bound_is_part_of_its_bucket() -> None:
    histogram = Histogram(BOUNDS)
    for value in (0.05, 0.1, 0.2, 1.0, 10.0, 11.0):
        histogram.record(value)
    assert histogram.counts == [2, 2, 1, 1]
    assert histogram.count == 6
    assert histogram.total == 22.35


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 100)))
def test_the_sum_of_two_is_one_with_all_values(first: list[float], second: list[float]) -> None:
    one, two, both = Histogram(BOUNDS), Histogram(BOUNDS), Histogram(BOUNDS)
    for values, histogram in ((first, one), (second, two), (first + second, both)):
        for value in values:
            histogram.record(value)
    one.add(two.counts, two.total)
    assert one.counts == both.counts
    assert one.count == len(first) + len(second)


def test_quantiles_are_interpolated_within_a_bucket() -> None:
    histogram = Histogram(BOUNDS)
    assert histogram.quantile(0.5) is None
    for _ in range(4):
        histogram.record(0.5)
    assert histogram.quantile(0.5) == 0.1 + 0.9 / 2
    histogram.record(100)
    assert histogram.quantile(1) == 10.0
