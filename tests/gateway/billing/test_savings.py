"""Estimate of what interrupts saved."""

import pytest

from gateway.billing.prices import Price
from gateway.billing.savings import Savings

PRICE = Price(input=2.0, cached=0.5, output=8.0)


def test_the_estimate_is_the_mean_of_longer_answers() -> None:
    savings = Savings()
    savings.record_interrupted("m", 10, PRICE)
    assert (savings.interrupts, savings.unknown, savings.tokens) == (1, 1, 0)
    for tokens in (5, 100, 300):
        savings.record_completed("m", tokens)
    savings.record_interrupted("m", 50, PRICE)
    assert savings.tokens == 150
    assert savings.cost_usd == pytest.approx(150 * 8e-6)
    savings.record_interrupted("m", 300, PRICE)
    savings.record_interrupted("other", 1, PRICE)
    savings.record_interrupted("m", 100, None)
    assert savings.stats() == {
        "interrupts": 5,
        "unknown": 3,
        "tokens_estimated": 350,
        "cost_usd_estimated": 0.0012,
    }
