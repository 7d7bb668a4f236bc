"""Charge a principal's budget with the cost of a generation while it runs."""

from math import inf
from typing import Final

from gateway.billing.budgets import BudgetCharge
from gateway.billing.prices import MILLION
from gateway.billing.usage import BYTES_PER_TOKEN
from gateway.clock import Clock
from gateway.generation.attempt import Attempt
from gateway.generation.generation import Generation

CHARGE_BYTES: Final = 256
"""Maximum bytes of text between two charges: some 64 tokens, fewer if less than that is left of the budget."""


class BudgetMeter:
    """Charges a budget in steps. An attempt whose text reaches `due` bytes must be charged again."""

    __slots__ = ("_budget_charge", "_clock", "_generation", "due")

    def __init__(self, generation: Generation, clock: Clock, budget_charge: BudgetCharge | None) -> None:
        self._generation = generation
        self._clock = clock
        self._budget_charge = budget_charge
        self.due = inf

    def charge(self, attempt: Attempt) -> None:
        """Charge the cost up to now, and the text that may come until the next charge.

        Raises:
            Failed: `budget_exceeded`.
        """
        if self._budget_charge is None:
            return
        left = self.charge_to_date()
        if left <= 0:
            raise self._budget_charge.exceeded(self._clock.unix())
        price = None if attempt.price is None else attempt.price.for_prompt(attempt.prompt_tokens)
        if price is not None and price.output:
            byte_cost = price.output / MILLION / BYTES_PER_TOKEN
            step = max(BYTES_PER_TOKEN, min(CHARGE_BYTES, left / byte_cost))
            self.due = attempt.text_bytes + step
            # Charged in advance: other generations share the budget, and must not spend it meanwhile.
            self._budget_charge.charge_to_date(self._generation.charged() + step * byte_cost, self._clock.unix())

    def charge_to_date(self) -> float:
        """Charge the cost up to now; return what is left of the budget in US dollars."""
        if self._budget_charge is None:
            return inf
        return self._budget_charge.charge_to_date(self._generation.charged(), self._clock.unix())
