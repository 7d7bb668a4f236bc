"""The budgets of the store in memory."""

from tests.gateway.store.contract.budgets import BudgetTotalsContract


class TestBudgetTotals(BudgetTotalsContract):
    """They are kept as the port says."""
