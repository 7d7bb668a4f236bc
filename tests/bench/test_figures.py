"""Medians and quantiles."""

import pytest

from tests.bench.figures import medians, quantile, spread


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51
    assert quantile(values, 0.99) == 100
    assert quantile(values, 1.0) == 100
    assert quantile([4.0], 0.99) == 4


def test_without_values_there_is_no_quantile_and_no_spread() -> None:
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)
    assert spread([]) == {}


def test_a_median_is_of_the_runs_that_have_the_figure() -> None:
    runs = [{"cpu": 1.0, "close": 9.0}, {"cpu": 5.0}, {"cpu": 3.0}]
    assert medians(runs) == {"cpu": 3.0, "close": 9.0}
    assert medians([]) == {}
