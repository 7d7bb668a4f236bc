"""What a month costs at each target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.prices import Price, flat
from gateway.cli.bench.providers.figures import Tokens, compute_figures
from gateway.cli.bench.providers.savings import blended_price, compute_savings, input_share
from tests.gateway.cli.bench.providers.fakes import answered

prices = st.none() | st.builds(Price, *[st.floats(0, 1000)] * 3)


def test_the_cost_of_a_month_matches_the_original_comparison() -> None:
    computed = compute_savings(
        {"a": compute_figures([answered(0.1)], flat(8.0)), "b": compute_figures([answered(0.1)], flat(15.0))}, 100_000
    )
    assert computed.baseline == "b"
    cheap = computed.by_label["a"]
    assert (cheap.blended, cheap.monthly, cheap.saved) == (8.0, 24.0, 21.0)
    assert cheap.percent == pytest.approx(46.7, abs=0.1)
    assert (computed.by_label["b"].saved, computed.by_label["b"].percent) == (0.0, 0.0)


def test_all_targets_share_one_input_share() -> None:
    wordy, terse = answered(0.1, tokens=(100, 300)), answered(0.1, tokens=(100, 100))
    computed = compute_savings(
        {"wordy": compute_figures([wordy], Price(2, 1, 8)), "terse": compute_figures([terse], Price(2, 1, 8))}, 1000
    )
    assert computed.input_share == pytest.approx(1 / 3)
    assert computed.by_label["wordy"] == computed.by_label["terse"]
    assert computed.by_label["terse"].blended == pytest.approx(6.0)


def test_different_prices_of_input_and_output_need_an_input_share() -> None:
    assert blended_price(Price(2, 1, 8), None) is None
    assert blended_price(flat(8), None) == 8
    assert input_share([None, Tokens(0, 0, None, exact=True)]) is None


def test_without_the_price_of_the_baseline_savings_are_unknown() -> None:
    known, free = compute_figures([answered(0.1)], flat(8.0)), compute_figures([answered(0.1)], flat(0.0))
    computed = compute_savings({"known": known, "unknown": compute_figures([answered(0.1)], None)}, 1000, "unknown")
    assert computed.by_label["known"].monthly is not None
    assert computed.by_label["known"].saved is None
    against_nothing = compute_savings({"known": known, "free": free}, 1000, "free").by_label["known"]
    assert against_nothing.saved == pytest.approx(-0.24)
    assert against_nothing.percent is None
    assert compute_savings({}, 1000).baseline is None


@given(st.lists(prices, min_size=1, max_size=6), st.integers(1, 10**9), st.integers(0, 1000), st.integers(0, 1000))
def test_savings_are_within_0_and_100_percent_and_the_baseline_saves_nothing(
    asked: list[Price | None], daily: int, tokens_in: int, tokens_out: int
) -> None:
    every = {
        str(number): compute_figures([answered(0.1, tokens=(tokens_in, tokens_out))], price)
        for number, price in enumerate(asked)
    }
    computed = compute_savings(every, daily)
    for label, saving in computed.by_label.items():
        assert (saving.monthly is None) == (saving.saved is None)
        assert every[label].price is not None or saving.monthly is None
        if saving.saved is not None and saving.monthly is not None:
            assert saving.saved >= 0
            assert saving.percent is None or 0 <= saving.percent <= 100
    if computed.baseline is not None:
        assert computed.by_label[computed.baseline].saved == 0
