"""The end of one of several gateways: what it runs, and what others read of that."""

import asyncio

from gateway.protocol.events import Complete, Error
from gateway.replicas.draining import Drain
from gateway.replicas.policy import ReplicaPolicy
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, deployment
from tests.served.gateway import Served


async def know_each_other(shared: Deployment) -> None:
    """Renew the lease of each gateway, which learns so who else is alive."""
    await shared.advance(1.2)


async def test_what_runs_goes_on_to_its_end_and_is_read_elsewhere() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        await know_each_other(shared)
        generation = await first.streaming("one ")
        drain = asyncio.create_task(Drain(first.hub, first.replica).run(30))
        await shared.advance(2)
        mirrored = await second.find(generation)
        first.send("two")
        first.upstream.last.finish()
        await shared.advance(1)
        assert isinstance((await second.find(generation)).end, Complete)
        assert mirrored.log.text() == "one two"
        assert drain.done()


async def test_what_still_runs_after_the_time_limit_ends_as_shut_down() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        await know_each_other(shared)
        generation = await first.streaming("one ")
        drain = asyncio.create_task(Drain(first.hub, first.replica).run(5))
        await shared.advance(6)
        end = (await second.find(generation)).end
        assert isinstance(end, Error)
        assert (end.code, end.retryable, end.partial) == ("shutting_down", True, True)
        assert drain.done()


async def test_what_still_runs_is_handed_over_and_nothing_of_it_is_lost() -> None:
    async with deployment(policy=ReplicaPolicy(on_owner_lost="continue")) as shared:
        first, second = shared.gateways
        await know_each_other(shared)
        generation = await first.streaming("kept ")
        drain = asyncio.create_task(Drain(first.hub, first.replica).run(5))
        first.send("to the last word")
        await shared.advance(6)
        assert drain.done()
        await first.hub.close()
        await first.replica.close()
        assert not generation.log.ended
        mirrored = await second.find(generation)
        assert mirrored.log.text() == "kept to the last word"
        await shared.advance(5)
        second.send("whole")
        second.upstream.last.finish()
        await settle()
        continued = await second.find(generation)
        assert isinstance(continued.end, Complete)
        assert continued.log.text() == "whole"
        assert second.hub.running == first.hub.running == 0


async def test_the_last_gateway_keeps_its_clients_and_hands_nothing_over() -> None:
    async with deployment(1, policy=ReplicaPolicy(on_owner_lost="continue")) as shared:
        (only,) = shared.gateways
        generation = await only.streaming("one ")
        drain = asyncio.create_task(Drain(only.hub, only.replica).run(5))
        await shared.advance(6)
        assert isinstance(generation.end, Error)
        assert drain.done()
        assert not only.hub.departures.has_begun


async def test_a_viewer_elsewhere_keeps_a_generation_of_a_gateway_that_drains() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        await know_each_other(shared)
        generation = await first.streaming("one ")
        first.hub.add_viewer(generation.id)
        drain = asyncio.create_task(Drain(first.hub, first.replica).run(300))
        await settle()
        first.hub.remove_viewer(generation.id)
        await second.find(generation)
        second.hub.add_viewer(generation.id)
        await shared.advance(100)
        assert not generation.log.ended
        first.upstream.last.finish()
        await shared.advance(1)
        assert drain.done()
        second.hub.remove_viewer(generation.id)


async def test_clients_stay_where_no_other_gateway_could_serve_them(served: Served) -> None:
    drain = Drain(served.hub, None)
    assert not drain.moves_clients
    await drain.run(1)
    assert not served.hub.departures.has_begun
