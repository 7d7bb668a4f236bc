"""Prices of tokens, and the table of known prices."""

import pytest

from gateway.billing.prices import Price, flat, known_price
from gateway.protocol.events import Usage

PRICE = Price(input=2.0, cached=0.5, output=8.0)


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


@pytest.mark.parametrize(
    ("preset", "model", "dollars"),
    [
        ("holysheep", "gpt-4.1", 8.0),
        ("holysheep", "deepseek-v3.2", 0.42),
        ("openai", "gpt-4o", 15.0),
        ("openai", "gpt-4o-2024-08-06", 15.0),
        ("anthropic", "claude-3-5-sonnet-20241022", 15.0),
        ("gemini", "gemini-1.5-flash", 2.5),
        ("simulator", "sim-gpt-4.1?ttft=5&speed=0", 8.0),
        ("openai", "gpt-4o-mini", None),
        ("openai", "gpt-5", None),
        ("", "gpt-4o", None),
    ],
)
def test_known_prices(preset: str, model: str, dollars: float | None) -> None:
    assert known_price(preset, model) == (None if dollars is None else flat(dollars))


def test_ten_thousand_requests_cost_what_the_price_comparison_says() -> None:
    for preset, model, dollars in (
        ("holysheep", "gpt-4.1", 12.80),
        ("openai", "gpt-4o", 24.00),
        ("anthropic", "claude-3-5-sonnet", 24.00),
        ("gemini", "gemini-1.5-flash", 4.00),
    ):
        price = known_price(preset, model)
        assert price is not None
        assert price.cost(Usage(0, 160 * 10_000, "exact")) == pytest.approx(dollars)


def test_tokens_written_to_the_cache_have_their_own_price() -> None:
    usage = Usage(1000, 0, "exact", cached_input_tokens=300, cache_write_tokens=500)
    assert Price(2.0, 0.5, 8.0, cache_write=2.5).cost(usage) == pytest.approx((200 * 2 + 300 * 0.5 + 500 * 2.5) / 1e6)
    assert Price(2.0, 0.5, 8.0).cost(usage) == pytest.approx((700 * 2 + 300 * 0.5) / 1e6)
    more_than_all = Usage(100, 0, "exact", cached_input_tokens=80, cache_write_tokens=500)
    assert Price(2.0, 0.5, 8.0, 2.5).cost(more_than_all) == pytest.approx((80 * 0.5 + 20 * 2.5) / 1e6)
