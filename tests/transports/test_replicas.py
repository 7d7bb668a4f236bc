"""Clients of several gateways that share a store, on all transports."""

from collections.abc import AsyncIterator

import pytest

from gateway.config import Settings
from tests.manual_clock import ManualClock
from tests.served.clients import BODY
from tests.served.gateway import Configure
from tests.served.pair import Pair, paired
from tests.served.viewers import VIEWERS


@pytest.fixture
async def late_pair(settings: Settings, configure: Configure) -> AsyncIterator[Pair]:
    """Two gateways whose batches come when the test's clock says so."""
    async with paired(settings, configure, ManualClock()) as gateways:
        yield gateways


@pytest.mark.parametrize("kind", list(VIEWERS))
async def test_a_position_that_is_not_stored_yet_is_read_elsewhere(late_pair: Pair, kind: str) -> None:
    first = late_pair.first.viewer("sse")
    await first.start(BODY)
    await late_pair.first.called()
    late_pair.first.upstream.last.send("one ")
    seq = int(str((await first.until("chunk"))["seq"]))
    second = late_pair.second.viewer(kind)
    await second.attach(first.generation_id, seq)
    late_pair.first.upstream.last.finish()
    assert [event["type"] for event in await second.to_end()] == ["complete"]
    await first.to_end()
    await second.leave()
