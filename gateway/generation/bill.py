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
    usages: Sequence[Usage | None]
    """Of each attempt, as `Attempt.used` returns it."""
    costs: Sequence[float | None]
    """Of each attempt, as `Attempt.cost_of` returns it."""


def bill_of(attempts: Sequence[Attempt]) -> Bill:
    """Return the bill of attempts as they are now."""
    if len(attempts) == 1:
        return _bill_of_one(*attempts)
    usages, costs = list[Usage | None](), list[float | None]()
    accepted, known, charges = list[Usage](), list[float](), list[float]()
    for attempt in attempts:
        used = attempt.used()
        cost = attempt.cost_of(used)
        usages.append(used)
        costs.append(cost)
        if used is not None:
            accepted.append(used)
        if cost is not None:
            known.append(cost)
        charges.append(attempt.charge_for(None) if cost is None else cost)
    total = round(sum(known), COST_DIGITS) if len(known) == len(costs) else None
    return Bill(sum_usage(accepted), total, sum(charges), usages, costs)


def _bill_of_one(attempt: Attempt) -> Bill:
    """Return the bill of most generations: nothing is summed."""
    used = attempt.used()
    cost = attempt.cost_of(used)
    return Bill(
        sum_usage(()) if used is None else used,
        None if cost is None else round(cost, COST_DIGITS),
        attempt.charge_for(None) if cost is None else cost,
        (used,),
        (cost,),
    )


def output_tokens(
    attempts: Sequence[Attempt], usages: Sequence[Usage | None], revision: int, current: Attempt | None
) -> int:
    """Return the output tokens of one revision's text, which several attempts may have produced.

    An attempt counts if it brought text, or is the `current` one. `usages` are theirs.
    """
    tokens = 0
    for attempt, used in zip(attempts, usages, strict=True):
        if used is not None and attempt.revision == revision and (attempt.text_bytes or attempt is current):
            tokens += used.output_tokens or 0
    return tokens
