"""Usage and cost of an attempt."""

import pytest

from gateway.billing.prices import Price
from gateway.generation.attempt import Attempt
from gateway.protocol.events import Usage

PRICE = Price(input=2.0, cached=0.5, output=8.0)


def make_attempt(price: Price | None = PRICE) -> Attempt:
    return Attempt(1, 1, 13, price=price)


def test_a_refused_call_is_free_even_without_a_price() -> None:
    attempt = make_attempt(None)
    attempt.refused = True
    assert attempt.cost() == 0


def test_a_cancelled_call_costs_its_prompt_and_the_text_received() -> None:
    attempt = make_attempt()
    assert attempt.cost() == pytest.approx(13 * 2e-6)
    attempt.text_bytes = 400
    assert attempt.cost() == pytest.approx(13 * 2e-6 + 100 * 8e-6)
    attempt.set_usage(Usage(50, 1, "exact", cached_input_tokens=40), final=False)
    assert attempt.used() == Usage(50, 100, "estimated", 40, None)
    assert attempt.cost() == pytest.approx(10 * 2e-6 + 40 * 0.5e-6 + 100 * 8e-6)
    attempt.set_usage(Usage(50, 120, "exact"), final=True)
    assert attempt.cost() == pytest.approx(50 * 2e-6 + 120 * 8e-6)


def test_without_a_price_the_cost_is_unknown() -> None:
    assert make_attempt(None).cost() is None


def test_usage_that_the_provider_does_not_report_is_charged_by_estimate() -> None:
    attempt = make_attempt(Price(1e6, 1e6, 1e6))
    attempt.text_bytes = 40
    attempt.set_usage(Usage(None, 12, "exact"), final=True)
    assert (attempt.cost(), attempt.charge_for(attempt.cost())) == (None, 25)
