"""Sum up what the attempts of one generation used and cost. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.billing.usage import sum_usage
from gateway.generation.attempt import Attempt
from gateway.protocol.events import Usage

COST_DIGITS: Final = 9
"""Decimal places of a cost in US dollars: one token of the cheapest model costs more than the last of them."""


def total_usage(attempts: Sequence[Attempt]) -> Usage:
    """Return the usage of all attempts that a provider accepted."""
    return sum_usage([used for attempt in attempts if (used := attempt.used()) is not None])


def total_cost(attempts: Sequence[Attempt]) -> float | None:
    """Return the cost of all attempts in US dollars; None if the cost of one of them is unknown."""
    costs = [attempt.cost() for attempt in attempts]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), COST_DIGITS) if len(known) == len(costs) else None


def total_charged(attempts: Sequence[Attempt]) -> float:
    """Return what a budget is charged in US dollars, also where the total cost is unknown."""
    return sum(attempt.charged() for attempt in attempts)


def output_tokens(attempts: Sequence[Attempt], revision: int, current: Attempt | None) -> int:
    """Return the output tokens of one revision's text, which several attempts may have produced.

    An attempt counts if it brought text, or is the `current` one.
    """
    usages = [
        attempt.used()
        for attempt in attempts
        if attempt.revision == revision and (attempt.text_bytes or attempt is current)
    ]
    return sum(usage.output_tokens or 0 for usage in usages if usage is not None)
