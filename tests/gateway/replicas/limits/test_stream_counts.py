"""Limits of streams on several gateways together."""

import pytest

from gateway.admission.limits import AddressLimit
from gateway.admission.streams import Stream, Streams
from gateway.protocol.errors import Refused
from gateway.replicas.limits.stream_counts import MAX_REFRESHED, REPORT_SECONDS
from tests.gateway.replicas.deployment import Deployment, deployment

LIMIT = 3


def attach(shared: Deployment, max_per_address: int = 0) -> list[Streams]:
    """Return the streams of the gateways."""
    streams = [Streams(max_per_address=AddressLimit(max_per_address)) for _ in shared.gateways]
    for gateway, counted in zip(shared.gateways, streams, strict=True):
        gateway.replica.streams.attach(counted)
    return streams


def open_stream(streams: Streams, client: str = "c", limit: int = LIMIT, address: str = "192.0.2.1") -> Stream:
    """Open a stream of a client."""
    stream = streams.admit(address)
    try:
        stream.claim(client, limit)
    except Refused:
        stream.release()
        raise
    return stream


async def test_the_streams_of_a_client_count_on_all_gateways() -> None:
    async with deployment(3) as shared:
        first, second, third = attach(shared)
        opened = [open_stream(first), open_stream(first), open_stream(second)]
        # Who reports first learns of the others with the next renewal of its lease.
        await shared.advance(1.2)
        for streams in (first, second):
            with pytest.raises(Refused):
                open_stream(streams)
        opened[0].release()
        await shared.advance(1.2)
        opened[0] = open_stream(second)
        # It knows nothing of this client yet.
        late = open_stream(third)
        await shared.advance(REPORT_SECONDS)
        with pytest.raises(Refused):
            open_stream(third)
        for stream in (*opened, late):
            stream.release()


async def test_the_streams_of_an_address_count_on_all_gateways() -> None:
    async with deployment() as shared:
        first, second = attach(shared, 2)
        opened = [open_stream(first, "a"), open_stream(second, "b")]
        await shared.advance(1.2)
        for streams in (first, second):
            with pytest.raises(Refused, match="Your address"):
                streams.admit("192.0.2.1")
        opened[0].release()
        await shared.advance(1.2)
        opened[0] = open_stream(second, "a")
        for stream in opened:
            stream.release()


async def test_the_streams_of_a_dead_gateway_count_no_longer() -> None:
    async with deployment() as shared:
        first, second = attach(shared)
        opened = [open_stream(first), open_stream(first), open_stream(second)]
        await shared.advance(REPORT_SECONDS)
        with pytest.raises(Refused):
            open_stream(second)
        shared.gateways[0].kill()
        await shared.advance(6)
        opened.append(open_stream(second))
        for stream in opened:
            stream.release()


async def test_without_the_store_each_gateway_counts_its_own() -> None:
    async with deployment() as shared:
        first, second = attach(shared)
        opened = [open_stream(first), open_stream(first), open_stream(second)]
        await shared.advance(REPORT_SECONDS)
        shared.gateways[1].faults.fail()
        await shared.advance(2)
        opened += [open_stream(second), open_stream(second)]
        with pytest.raises(Refused):
            open_stream(second)
        shared.gateways[1].faults.heal()
        await shared.advance(2)
        with pytest.raises(Refused):
            open_stream(first)
        for stream in opened:
            stream.release()


async def test_streams_without_a_limit_are_not_reported() -> None:
    async with deployment() as shared:
        first, _ = attach(shared)
        stream = open_stream(first, limit=0)
        await shared.advance(2)
        stream.release()
        await shared.advance(2)
        assert "streams.report" not in shared.gateways[0].faults.calls


async def test_many_counts_are_refreshed_in_turns() -> None:
    async with deployment() as shared:
        first, second = attach(shared)
        opened = [open_stream(first, f"c{number}") for number in range(2 * MAX_REFRESHED)]
        await shared.advance(REPORT_SECONDS)
        shared.empty_store()
        await shared.advance(4)
        late = open_stream(second, "c0")
        await shared.advance(REPORT_SECONDS)
        assert second.clients.elsewhere == {"c0": 1}
        for stream in (*opened, late):
            stream.release()
        await shared.advance(1)
        assert await shared.store.streams.report("r", {"c:c0": 0}) == {"c:c0": {}}
