"""Published prices by the names that models have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.billing.price_lookup import PREFIXES, published_price
from gateway.billing.published_prices import PRICE_LISTS
from gateway.protocol.events import Usage

KNOWN = [(each.vendor, model) for each in PRICE_LISTS for model in each.models]
versions = st.one_of(
    st.just("latest"),
    st.dates().map(lambda day: f"{day:%Y-%m-%d}".zfill(10)),
    st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)),
    st.integers(0, 999).map("{:03}".format),
    st.integers(0, 1231).map("{:04}".format),
)


@pytest.mark.parametrize(
    ("vendor", "model", "dollars"),
    [
        ("openai", "gpt-4.1", (2.0, 0.5, 8.0)),
        ("openai", "openai/gpt-4.1-2025-04-14", (2.0, 0.5, 8.0)),
        ("openai", "gpt-4o-2024-08-06", (2.5, 1.25, 10.0)),
        ("openai", "gpt-4o-2024-05-13", (5.0, 5.0, 15.0)),
        ("openai", "gpt-4o-mini", (0.15, 0.075, 0.6)),
        ("openai", "gpt-4-0613", (30.0, 30.0, 60.0)),
        ("anthropic", "claude-sonnet-4-5-20250929", (3.0, 0.3, 15.0)),
        ("anthropic", "anthropic/claude-opus-4-5", (5.0, 0.5, 25.0)),
        ("anthropic", "claude-opus-4-20250514", (15.0, 1.5, 75.0)),
        ("anthropic", "claude-3-5-haiku-latest", (0.8, 0.08, 4.0)),
        ("gemini", "models/gemini-2.5-flash", (0.3, 0.03, 2.5)),
        ("gemini", "gemini-2.5-flash-001", (0.3, 0.03, 2.5)),
        ("deepseek", "deepseek-v4-pro", (1.32, 0.044, 3.96)),
        ("simulator", "sim-gpt-4.1?ttft=5&speed=0", (8.0, 8.0, 8.0)),
    ],
)
def test_known_prices(vendor: str, model: str, dollars: tuple[float, float, float]) -> None:
    found = published_price(vendor, model)
    assert found is not None
    assert (found.price.input, found.price.cached, found.price.output) == dollars
    assert found.source.vendor == vendor


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("openai", "gpt-4-32k"),
        ("openai", "gpt-4.1-turbo"),
        ("openai", "ft:gpt-4o-2024-08-06:acme::id"),
        ("openai", "claude-sonnet-4-5"),
        ("openai", "openai/"),
        ("anthropic", "claude-opus-4-9"),
        ("anthropic", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("gemini", "gemini-flash-latest"),
        ("gemini", "gemini-2.5-flash-preview-09-2025"),
        # An offer that ends on a date.
        ("openai", "gpt-5.6-sol"),
        # A reseller whose pages name different prices for one model.
        ("holysheep", "gpt-4.1"),
        ("ollama", "llama3.2:3b"),
        ("", "gpt-4o"),
        ("openai", ""),
    ],
)
def test_unknown_prices(vendor: str, model: str) -> None:
    assert published_price(vendor, model) is None


@given(st.sampled_from(KNOWN), versions, st.data())
def test_a_version_of_a_model_has_its_price_unless_it_has_one_of_its_own(
    known: tuple[str, str], version: str, data: st.DataObject
) -> None:
    vendor, model = known
    prefix = data.draw(st.sampled_from(["", *PREFIXES.get(vendor, ())]))
    expected = published_price(vendor, f"{model}-{version}" if (vendor, f"{model}-{version}") in KNOWN else model)
    assert published_price(vendor, f"{prefix}{model}-{version}") == expected


@given(st.sampled_from(KNOWN), st.text(min_size=1, max_size=12))
def test_any_other_name_is_unknown(known: tuple[str, str], rest: str) -> None:
    vendor, model = known
    found = published_price(vendor, f"{model}{rest}")
    name = f"{model}{rest}".partition("?")[0]
    if found is not None:
        assert name.startswith(tuple(found.source.models))
        assert name in found.source.models or name.rpartition("-")[2].isdigit() or name.endswith("-latest")


@pytest.mark.parametrize(
    ("model", "dollars"),
    [("gpt-4.1", 12.80), ("gpt-4o", 24.00), ("claude-3.5-sonnet", 24.00), ("gemini-1.5-flash", 4.00)],
)
def test_ten_thousand_simulated_answers_cost_what_the_comparison_says(model: str, dollars: float) -> None:
    found = published_price("simulator", f"sim-{model}")
    assert found is not None
    assert found.price.cost(Usage(0, 160 * 10_000, "exact")) == pytest.approx(dollars)
