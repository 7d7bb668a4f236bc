"""The contract of a store over real servers."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.store.contract.budgets import BudgetTotalsContract
from tests.gateway.store.contract.logs import LogContract
from tests.gateway.store.contract.members import MemberContract
from tests.gateway.store.contract.messages import MessageContract
from tests.gateway.store.contract.quotas import QuotasContract
from tests.gateway.store.contract.shared import SharedStore
from tests.gateway.store.contract.slots import SlotContract
from tests.gateway.store.contract.starts import StartContract
from tests.gateway.store.contract.streams import StreamContract
from tests.gateway.store.contract.values import ValuesContract
from tests.integration.redis_cluster import RedisCluster
from tests.integration.store.sharing import share


class StoreContract(
    LogContract,
    MemberContract,
    MessageContract,
    ValuesContract,
    QuotasContract,
    BudgetTotalsContract,
    StartContract,
    SlotContract,
    StreamContract,
):
    """What every store in Redis does."""


class TestOneServer(StoreContract):
    """Run it over one redis-server."""

    @pytest.fixture
    async def shared(self, redis_url: str) -> AsyncIterator[SharedStore]:
        async with share(redis_url) as store:
            yield store


class TestCluster(StoreContract):
    """Run it over a Redis Cluster of three nodes."""

    @pytest.fixture
    async def shared(self, cluster: RedisCluster) -> AsyncIterator[SharedStore]:
        async with share(cluster.url) as store:
            yield store
