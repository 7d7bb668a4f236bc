"""Sum up what the attempts of one generation used and cost. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.billing.usage import sum_usage
from gateway.generation.attempt import Attempt
from gateway.protocol.events import Usage

COST_DIGITS: Final = 9
"""Decimal places of a cost in US dollars: one token of the cheapest model costs more than the last of them."""


class Bill(NamedTuple):
    """What all attempts together used and cost, in US dollars."""

    usage: Usage
    """Of the attempts that a provider accepted."""
    cost: float | None
    """None if the cost of one of them is unknown."""
    charged: float
    """What a budget is charged, also where the total cost is unknown."""


def bill_of(attempts: Sequence[Attempt]) -> Bill:
    """Return the bill of attempts as they are now."""
    usages = [attempt.used() for attempt in attempts]
    costs = [attempt.cost_of(used) for attempt, used in zip(attempts, usages, strict=True)]
    known = [cost for cost in costs if cost is not None]
    charges = [attempt.charge_for(cost) for attempt, cost in zip(attempts, costs, strict=True)]
    return Bill(
        sum_usage([used for used in usages if used is not None]),
        round(sum(known), COST_DIGITS) if len(known) == len(costs) else None,
        sum(charges),
    )


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
