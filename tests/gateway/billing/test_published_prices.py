"""The lists of published prices: each entry is plausible, and has a source and a date."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from gateway.billing.price_lookup import PREFIXES
from gateway.billing.prices import Price, PriceList
from gateway.billing.published_prices import PRICE_LISTS
from gateway.config.hosts import VENDORS
from gateway.config.model_names import SIMULATED_MODELS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "prices.md"
PUBLISHED = [each for each in PRICE_LISTS if each.vendor != "simulator"]
ENTRIES = [(each, model) for each in PUBLISHED for model in each.models]


@pytest.mark.parametrize(("prices", "model"), ENTRIES, ids=lambda part: part if isinstance(part, str) else part.vendor)
def test_every_entry_is_plausible(prices: PriceList, model: str) -> None:
    price = prices.models[model]
    check(price)
    if price.long is not None:
        check(price.long.price)
        assert price.long.above >= 100_000
        assert price.long.price.long is None
        assert price.long.price.input > price.input
        assert price.long.price.output > price.output
        assert (price.long.price.cache_write is None) == (price.cache_write is None)
    assert model == model.strip().lower()
    assert not model.startswith(PREFIXES[prices.vendor])


def check(price: Price) -> None:
    assert 0 < price.cached <= price.input <= price.output <= 1000
    assert price.cache_write is None or price.input < price.cache_write <= 2 * price.input
    assert price.cache_write_1h is None or price.cache_write_1h > (price.cache_write or price.input)


def test_every_list_has_a_source_and_a_date_and_the_newest_come_first() -> None:
    for each in PRICE_LISTS:
        assert date.fromisoformat(each.date).isoformat() == each.date
        assert each.vendor == "simulator" or ("(" in each.source and each.source.endswith(")"))
    for vendor in VENDORS.values():
        dates = [each.date for each in PRICE_LISTS if each.vendor == vendor]
        assert dates == sorted(dates, reverse=True)
        assert dates


def test_a_model_is_in_one_list_only() -> None:
    counts = Counter((each.vendor, model) for each in PRICE_LISTS for model in each.models)
    assert [entry for entry, count in counts.items() if count > 1] == []


def test_each_model_of_the_simulator_has_an_invented_price() -> None:
    (invented,) = (each for each in PRICE_LISTS if each.vendor == "simulator")
    assert set(invented.models) == set(SIMULATED_MODELS)


def test_the_page_lists_the_lists() -> None:
    rows = [f"| `{each.vendor}` | {each.source} | {each.date} | {len(each.models)} |" for each in PRICE_LISTS]
    assert "\n".join(rows) in PAGE.read_text("utf-8"), rows
