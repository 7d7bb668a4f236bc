"""Figures of a target, computed from its samples. Pure.

Figures are of answered requests; failed ones are counted by error code.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from gateway.billing.prices import Price
from gateway.cli.bench.providers.sample import Sample
from gateway.routing.percentile import percentile

REQUESTS = 10_000
"""Number of requests that costs are reported for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile, both by nearest rank."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Average tokens of an answered request. `exact`: the provider counted all of them."""

    input: float
    output: float
    cached: float | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a target. Times in seconds, money in US dollars; an unknown figure is None, never 0.

    `chars_per_s` and `tokens_per_s` are medians over the requests, `gap_p95` is over the gaps of all requests.
    `cost` is the average of one request.
    """

    requests: int
    answered: int
    errors: Mapping[str, int]
    messages: Mapping[str, str]
    """By error code, the message of its first failure."""
    ttft: Spread | None
    duration: Spread | None
    chars_per_s: float | None
    tokens_per_s: float | None
    gap_p95: float | None
    tokens: Tokens | None
    price: Price | None
    cost: float | None

    @property
    def error_rate(self) -> float | None:
        """Return the share of requests that failed; None if there were no requests."""
        return (self.requests - self.answered) / self.requests if self.requests else None

    @property
    def cost_of_many(self) -> float | None:
        """Return the cost of `REQUESTS` requests."""
        return None if self.cost is None else self.cost * REQUESTS


def p50(spread: Spread | None) -> float | None:
    """Return the median; None if there is none."""
    return None if spread is None else spread.p50


def p95(spread: Spread | None) -> float | None:
    """Return the 95th percentile; None if there is none."""
    return None if spread is None else spread.p95


def compute_figures(samples: Sequence[Sample], price: Price | None) -> Figures:
    """Compute the figures of one target."""
    answered = [sample for sample in samples if sample.failure is None]
    failed = [(sample.failure, sample.message) for sample in samples if sample.failure is not None]
    return Figures(
        requests=len(samples),
        answered=len(answered),
        errors=Counter(code for code, _ in failed),
        messages=dict(reversed(failed)),
        ttft=_spread(_known(sample.ttft for sample in answered)),
        duration=_spread([sample.duration for sample in answered]),
        chars_per_s=percentile(_known(sample.chars_per_s for sample in answered), 0.5),
        tokens_per_s=percentile(_known(sample.tokens_per_s for sample in answered), 0.5),
        gap_p95=percentile((gap for sample in answered for gap in sample.gaps), 0.95),
        tokens=_tokens(answered),
        price=price,
        cost=_cost(answered, price),
    )


def _spread(values: Sequence[float]) -> Spread | None:
    median, p95_value = percentile(values, 0.5), percentile(values, 0.95)
    return None if median is None or p95_value is None else Spread(median, p95_value)


def _tokens(answered: Sequence[Sample]) -> Tokens | None:
    used = [sample.usage for sample in answered if sample.usage is not None]
    if not used:
        return None
    cached = _known(usage.cached_input_tokens for usage in used)
    return Tokens(
        input=fmean(usage.input_tokens or 0 for usage in used),
        output=fmean(usage.output_tokens or 0 for usage in used),
        # A provider that omits the count for a request is assumed to have had nothing in its cache.
        cached=sum(cached) / len(used) if cached else None,
        exact=all(usage.source == "exact" for usage in used),
    )


def _cost(answered: Sequence[Sample], price: Price | None) -> float | None:
    if price is None:
        return None
    costs = _known(price.cost(sample.usage) for sample in answered if sample.usage is not None)
    return fmean(costs) if costs else None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
