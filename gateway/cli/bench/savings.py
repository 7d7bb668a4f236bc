"""What a volume of tokens costs a month at each target, and what is saved against one of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.billing.prices import MILLION, Price
from gateway.cli.bench.figures import Figures, Tokens

DAYS = 30
"""Of a month."""


@dataclass(frozen=True, slots=True)
class Saving:
    """A month at one target, in US dollars. `percent` of the baseline's cost; less than 0 is dearer."""

    blended: float | None
    """Of a million tokens, input and output mixed."""
    monthly: float | None
    saved: float | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Savings:
    """All targets' months at a volume. `input_share` of the tokens are input: what was measured, over all targets."""

    daily_tokens: int
    input_share: float | None
    baseline: str | None
    by_label: Mapping[str, Saving]


def input_share(tokens: Iterable[Tokens | None]) -> float | None:
    """Give the part of all tokens that was input; None if there are none.

    Each target counts the same, and all get one share: a month is compared for one and the same work.
    """
    known = [one for one in tokens if one is not None]
    inputs, outputs = sum(one.input for one in known), sum(one.output for one in known)
    return inputs / (inputs + outputs) if inputs + outputs > 0 else None


def blended(price: Price | None, share: float | None) -> float | None:
    """Give what a million tokens cost of which `share` are input, none of it cached; None if it can't be known.

    Measuring asks the same questions over and over: what is cached meanwhile tells nothing of real work.
    """
    if price is None:
        return None
    if share is None:
        return price.input if price.input == price.output else None
    # In this form a price that is the same for all tokens stays exactly that.
    return price.output + share * (price.input - price.output)


def savings(figures: Mapping[str, Figures], daily_tokens: int, baseline: str | None = None) -> Savings:
    """Work out the months at `daily_tokens` a day; the baseline, unless it is named, is the dearest."""
    share = input_share(one.tokens for one in figures.values())
    prices = {label: blended(one.price, share) for label, one in figures.items()}
    months = {
        label: None if price is None else price * daily_tokens * DAYS / MILLION for label, price in prices.items()
    }
    known = {label: cost for label, cost in months.items() if cost is not None}
    baseline = baseline or max(known, key=lambda label: known[label], default=None)
    against = None if baseline is None else known.get(baseline)
    return Savings(
        daily_tokens, share, baseline, {label: _saving(prices[label], months[label], against) for label in figures}
    )


def _saving(price: float | None, monthly: float | None, against: float | None) -> Saving:
    if monthly is None or against is None:
        return Saving(price, monthly, None, None)
    saved = against - monthly
    return Saving(price, monthly, saved, 100 * (saved / against) if against else None)
