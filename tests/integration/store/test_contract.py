"""The contract of a store over real servers."""

from tests.gateway.store.contract.budgets import BudgetTotalsContract
from tests.gateway.store.contract.logs import LogContract
from tests.gateway.store.contract.members import MemberContract
from tests.gateway.store.contract.messages import MessageContract
from tests.gateway.store.contract.quotas import QuotasContract
from tests.gateway.store.contract.values import ValuesContract


class TestOneServer(LogContract, MemberContract, MessageContract, ValuesContract, QuotasContract, BudgetTotalsContract):
    """Run it over one redis-server."""
