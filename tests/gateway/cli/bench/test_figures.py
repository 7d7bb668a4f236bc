"""What samples come to, and what a month of it costs."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.prices import Price, flat
from gateway.cli.bench.figures import Figures, Spread, Tokens, figures, percentile
from gateway.cli.bench.savings import blended, input_share, savings
from gateway.protocol.events import Usage
from tests.gateway.cli.bench.fakes import answered, failed

times = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)
prices = st.none() | st.builds(Price, *[st.floats(0, 1000)] * 3)


@given(times, st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
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


def test_figures_are_of_what_was_answered() -> None:
    found = figures(
        [answered(0.1), failed("timeout", "first"), failed("timeout", "second"), answered(0.3), failed("empty")],
        flat(8.0),
    )
    assert (found.requests, found.answered, found.error_rate) == (5, 2, 0.6)
    assert found.errors == {"timeout": 2, "empty": 1}
    assert found.messages == {"timeout": "first", "empty": "It broke."}
    assert found.ttft == Spread(0.1, 0.3)
    assert found.chars_per_s == 300
    assert found.tokens_per_s == 75
    assert found.gap_p95 == 1.0
    assert found.tokens == Tokens(20, 160, None, exact=True)


def test_the_cost_of_ten_thousand_requests_is_that_of_the_comparison_we_started_from() -> None:
    asked = [answered(0.1, tokens=(0, 160))]
    assert figures(asked, flat(8.0)).cost_of_many == pytest.approx(12.80)
    assert figures(asked, flat(15.0)).cost_of_many == pytest.approx(24.00)
    assert figures(asked, flat(2.5)).cost_of_many == pytest.approx(4.00)


def test_cached_input_costs_less() -> None:
    cached = replace(answered(0.1), usage=Usage(100, 10, "exact", cached_input_tokens=60))
    found = figures([cached, answered(0.1, tokens=(100, 10))], Price(10, 1, 20))
    assert found.cost == pytest.approx(((40 * 10 + 60 * 1 + 200) + (1000 + 200)) / 2 / 1e6)
    assert found.tokens == Tokens(100, 10, 30, exact=True)


def test_what_is_not_known_is_none() -> None:
    nothing = figures([failed("timeout")], flat(8.0))
    assert nothing == Figures(
        1, 0, {"timeout": 1}, {"timeout": "It broke."}, None, None, None, None, None, None, flat(8.0), None
    )
    assert nothing.cost_of_many is None
    assert figures([], None).error_rate is None
    assert figures([answered(0.1)], None).cost is None


def test_one_estimate_makes_the_mean_one() -> None:
    found = figures([answered(0.1), answered(0.1, exact=False)], None)
    assert found.tokens is not None
    assert not found.tokens.exact


def test_a_month_is_that_of_the_comparison_we_started_from() -> None:
    told = savings({"a": figures([answered(0.1)], flat(8.0)), "b": figures([answered(0.1)], flat(15.0))}, 100_000)
    assert told.baseline == "b"
    cheap = told.by_label["a"]
    assert (cheap.blended, cheap.monthly, cheap.saved) == (8.0, 24.0, 21.0)
    assert cheap.percent == pytest.approx(46.7, abs=0.1)
    assert (told.by_label["b"].saved, told.by_label["b"].percent) == (0.0, 0.0)


def test_all_targets_get_one_mix() -> None:
    wordy, terse = answered(0.1, tokens=(100, 300)), answered(0.1, tokens=(100, 100))
    told = savings({"wordy": figures([wordy], Price(2, 1, 8)), "terse": figures([terse], Price(2, 1, 8))}, 1000)
    assert told.input_share == pytest.approx(1 / 3)
    assert told.by_label["wordy"] == told.by_label["terse"]
    assert told.by_label["terse"].blended == pytest.approx(6.0)


def test_a_price_of_two_parts_needs_a_mix() -> None:
    assert blended(Price(2, 1, 8), None) is None
    assert blended(flat(8), None) == 8
    assert input_share([None, Tokens(0, 0, None, exact=True)]) is None


def test_a_baseline_without_a_price_saves_nobody_anything() -> None:
    known, free = figures([answered(0.1)], flat(8.0)), figures([answered(0.1)], flat(0.0))
    told = savings({"known": known, "unknown": figures([answered(0.1)], None)}, 1000, "unknown")
    assert told.by_label["known"].monthly is not None
    assert told.by_label["known"].saved is None
    against_nothing = savings({"known": known, "free": free}, 1000, "free").by_label["known"]
    assert against_nothing.saved == pytest.approx(-0.24)
    assert against_nothing.percent is None
    assert savings({}, 1000).baseline is None


@given(st.lists(prices, min_size=1, max_size=6), st.integers(1, 10**9), st.integers(0, 1000), st.integers(0, 1000))
def test_nothing_saves_more_than_all_and_the_dearest_saves_nothing(
    asked: list[Price | None], daily: int, tokens_in: int, tokens_out: int
) -> None:
    every = {
        str(number): figures([answered(0.1, tokens=(tokens_in, tokens_out))], price)
        for number, price in enumerate(asked)
    }
    told = savings(every, daily)
    for label, saving in told.by_label.items():
        assert (saving.monthly is None) == (saving.saved is None)
        assert every[label].price is not None or saving.monthly is None
        if saving.saved is not None and saving.monthly is not None:
            assert saving.saved >= 0
            assert saving.percent is None or 0 <= saving.percent <= 100
    if told.baseline is not None:
        assert told.by_label[told.baseline].saved == 0
