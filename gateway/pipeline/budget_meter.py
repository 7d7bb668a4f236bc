"""Charge a principal's budget with what a generation costs, while it runs."""

from math import inf

from gateway.billing.budgets import BudgetCharge
from gateway.billing.prices import MILLION
from gateway.billing.usage import BYTES_PER_TOKEN
from gateway.clock import Clock
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation

CHARGE_BYTES = 256
"""After how much text the budget is looked at again: some 64 tokens, or fewer when less than that is left."""


class BudgetMeter:
    """Looks at a budget now and then. `due` is how many bytes of text an attempt may have before the next time."""

    __slots__ = ("_charge", "_clock", "_generation", "due")

    def __init__(self, generation: Generation, clock: Clock, charge: BudgetCharge | None) -> None:
        self._generation = generation
        self._clock = clock
        self._charge = charge
        self.due = inf

    def charge(self, attempt: Attempt) -> None:
        """Charge what the generation cost up to now.

        Raises:
            Failed: `budget_exceeded`.
        """
        if self._charge is None:
            return
        left, price = self.left(), attempt.price
        if left <= 0:
            raise self._charge.exceeded(self._clock.unix())
        if price is not None and price.output:
            of_a_byte = price.output / MILLION / BYTES_PER_TOKEN
            step = max(BYTES_PER_TOKEN, min(CHARGE_BYTES, left / of_a_byte))
            self.due = attempt.text_bytes + step
            # What it may have until then is taken already: other answers share the budget.
            self._charge.charge_to_date(self._generation.charged() + step * of_a_byte, self._clock.unix())

    def left(self) -> float:
        """Charge, and give what is left of the budget."""
        if self._charge is None:
            return inf
        return self._charge.charge_to_date(self._generation.charged(), self._clock.unix())
