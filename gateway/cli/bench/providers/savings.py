"""Cost of a month at each target, and savings against a baseline. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.billing.prices import MILLION, Price
from gateway.cli.bench.providers.figures import Figures, Tokens

DAYS = 30
"""Days of a month."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Cost of a month at one target, in US dollars. `percent` of the baseline's cost; negative if it costs more."""

    blended: float | None
    """Price of a million tokens, input and output mixed."""
    monthly: float | None
    saved: float | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Savings:
    """Savings of all targets at `daily_tokens`. `input_share` of the tokens are input, as measured over all targets."""

    daily_tokens: int
    input_share: float | None
    baseline: str | None
    by_label: Mapping[str, Saving]


def input_share(tokens: Iterable[Tokens | None]) -> float | None:
    """Return the share of input in all tokens; None if there are no tokens.

    Every target counts the same, and all get the same share, so that months of the same work are compared.
    """
    known = [average for average in tokens if average is not None]
    inputs, outputs = sum(average.input for average in known), sum(average.output for average in known)
    return inputs / (inputs + outputs) if inputs + outputs > 0 else None


def blended_price(price: Price | None, share: float | None) -> float | None:
    """Return the price of a million tokens of which `share` are uncached input; None if it is not known.

    A run repeats the same prompts, so that its cached input says nothing about real work.
    """
    if price is None:
        return None
    if share is None:
        return price.input if price.input == price.output else None
    # In this form the result is exact if input and output cost the same.
    return price.output + share * (price.input - price.output)


def compute_savings(figures: Mapping[str, Figures], daily_tokens: int, baseline: str | None = None) -> Savings:
    """Compute the cost of a month at `daily_tokens`. The default baseline is the most expensive target."""
    share = input_share(target.tokens for target in figures.values())
    prices = {label: blended_price(target.price, share) for label, target in figures.items()}
    months = {
        label: None if price is None else price * daily_tokens * DAYS / MILLION for label, price in prices.items()
    }
    known = {label: cost for label, cost in months.items() if cost is not None}
    baseline = baseline or max(known, key=lambda label: known[label], default=None)
    baseline_cost = None if baseline is None else known.get(baseline)
    return Savings(
        daily_tokens,
        share,
        baseline,
        {label: _saving(prices[label], months[label], baseline_cost) for label in figures},
    )


def _saving(price: float | None, monthly: float | None, baseline_cost: float | None) -> Saving:
    if monthly is None or baseline_cost is None:
        return Saving(price, monthly, None, None)
    saved = baseline_cost - monthly
    return Saving(price, monthly, saved, 100 * (saved / baseline_cost) if baseline_cost else None)
