"""Prices of tokens, and the cost of a usage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.prices import LongPrompt, Price, flat
from gateway.protocol.events import Usage

PRICE = Price(input=2.0, cached=0.5, output=8.0)
counts = st.none() | st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1_000_000, 0, "exact"), 2.0),
        (Usage(0, 1_000_000, "exact"), 8.0),
        (Usage(1_000_000, 0, "exact", cached_input_tokens=400_000), 1.4),
        (Usage(10, 0, "exact", cached_input_tokens=99), 0.000005),
        (Usage(0, 0, "exact"), 0.0),
        (Usage(None, 5, "exact"), None),
        (Usage(5, None, "exact"), None),
    ],
)
def test_the_cost_of_a_usage(usage: Usage, cost: float | None) -> None:
    assert PRICE.cost(usage) == (None if cost is None else pytest.approx(cost))


def test_tokens_written_to_the_cache_have_their_own_price() -> None:
    usage = Usage(1000, 0, "exact", cached_input_tokens=300, cache_write_tokens=500)
    assert Price(2.0, 0.5, 8.0, cache_write=2.5).cost(usage) == pytest.approx((200 * 2 + 300 * 0.5 + 500 * 2.5) / 1e6)
    assert Price(2.0, 0.5, 8.0).cost(usage) == pytest.approx((700 * 2 + 300 * 0.5) / 1e6)
    more_than_all = Usage(100, 0, "exact", cached_input_tokens=80, cache_write_tokens=500)
    assert Price(2.0, 0.5, 8.0, 2.5).cost(more_than_all) == pytest.approx((80 * 0.5 + 20 * 2.5) / 1e6)


def test_tokens_that_are_kept_for_an_hour_have_their_own_price() -> None:
    usage = Usage(1000, 0, "exact", cache_write_tokens=500, cache_write_1h_tokens=400)
    price = Price(2.0, 0.5, 8.0, cache_write=2.5, cache_write_1h=4.0)
    assert price.cost(usage) == pytest.approx((500 * 2 + 100 * 2.5 + 400 * 4) / 1e6)
    assert Price(2.0, 0.5, 8.0, 2.5).cost(usage) == pytest.approx((500 * 2 + 500 * 2.5) / 1e6)


def test_a_long_prompt_changes_the_price_of_all_tokens() -> None:
    price = Price(1.0, 0.1, 10.0, long=LongPrompt(200_000, Price(2.0, 0.2, 15.0)))
    assert price.cost(Usage(200_000, 1000, "exact")) == pytest.approx(0.21)
    assert price.cost(Usage(200_001, 1000, "exact", cached_input_tokens=200_001)) == pytest.approx(0.0550002)
    assert (price.for_prompt(200_000), price.for_prompt(200_001).output) == (price, 15.0)
    assert PRICE.for_prompt(10**9) is PRICE


@given(st.integers(0, 10**6), st.integers(0, 10**6), counts, counts, counts)
def test_no_part_of_the_input_is_counted_twice_or_left_out(
    sent: int, received: int, read: int | None, written: int | None, hour: int | None
) -> None:
    usage = Usage(sent, received, "exact", read, None, written, hour)
    assert flat(3.0).cost(usage) == pytest.approx((sent + received) * 3 / 1e6)
