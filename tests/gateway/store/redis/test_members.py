"""How much two clocks differ."""

import pytest

from gateway.store.redis.members import clock_skew


@pytest.mark.parametrize(("theirs", "skew"), [(10.0, 0.0), (10.5, 0.0), (11.0, 0.0), (9.0, 1.0), (14.0, -3.0)], ids=str)
def test_the_time_of_a_call_is_no_difference(theirs: float, skew: float) -> None:
    assert clock_skew(10.0, theirs, 11.0) == skew
