"""What gateways share beside generations, over a real Redis: the tests of two gateways that share one in memory."""

# ruff: noqa: F401 - pytest collects what is imported

import secrets
from collections.abc import AsyncIterator

import pytest

from gateway.config import Settings
from gateway.store.redis.store import RedisStore
from tests.gateway.api.model_api.responses.test_shared import (
    test_a_conversation_goes_on_from_one_gateway_to_the_other,
    test_a_response_is_retrieved_and_streamed_again_elsewhere,
    test_a_response_that_runs_is_seen_and_cancelled_elsewhere,
    test_a_response_that_was_deleted_elsewhere_is_gone_everywhere,
    test_an_item_of_an_earlier_response_is_found_elsewhere,
    test_what_is_not_stored_or_has_failed_is_found_nowhere,
)
from tests.gateway.api.test_tickets_elsewhere import (
    served,
    test_a_ticket_for_one_generation_reads_it_elsewhere_and_nothing_else,
    test_a_ticket_starts_one_generation_wherever_it_is_used_and_goes_on_to_read_it,
    test_a_ticket_that_is_used_on_two_gateways_at_once_starts_one_generation,
)
from tests.integration.redis_cluster import RedisCluster
from tests.served.clients import clients, keys_file
from tests.served.gateway import Configure
from tests.served.pair import Pair, paired
from tests.served.viewers import until


@pytest.fixture(params=["one server", "a cluster"])
async def pair(request: pytest.FixtureRequest, settings: Settings, configure: Configure) -> AsyncIterator[Pair]:
    if request.param == "a cluster":
        cluster: RedisCluster = request.getfixturevalue("cluster")
        url = cluster.url
    else:
        url = request.getfixturevalue("redis_url")
    prefix = f"t{secrets.token_hex(4)}"
    stores = [RedisStore(url, prefix=prefix, timeout=5) for _ in range(2)]
    async with paired(settings, configure, stores=stores) as gateways:
        yield gateways
        # A gateway that has written an end counts who watched it until the next renewal of its lease.
        gateways.first.clock.advance(1)
        await until(lambda: gateways.first.hub.viewers == gateways.second.hub.viewers == 0)
