"""Names that clients choose for their generations, on all gateways."""

import asyncio

from gateway.pipeline.hub import RetentionPolicy
from gateway.protocol.commands import InterruptRequest
from gateway.replicas.values.aliases import MAX_NAMED
from gateway.security.principals import Principal
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.start_requests import ANONYMOUS

STOP = InterruptRequest(reason="the conversation went on")


async def test_a_name_leads_to_its_newest_generation_from_everywhere() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        one, two = await first.start(), await second.start()
        assert await first.generations.add_alias(one.id, "chat", ANONYMOUS) is None
        found = await second.generations.find_by_alias("chat", ANONYMOUS)
        assert found is not None
        assert found.id == one.id
        assert await second.generations.add_alias(two.id, "chat", ANONYMOUS) == one.id
        found = await first.generations.find_by_alias("chat", ANONYMOUS)
        assert found is not None
        assert found.id == two.id
        # A request that is sent again, wherever it arrives, does not bring the former one back.
        assert await second.generations.add_alias(one.id, "chat", ANONYMOUS) is None
        assert await first.generations.add_alias(one.id, "chat", ANONYMOUS) is None
        assert (await second.generations.find_by_alias("chat", ANONYMOUS)) is two
        assert await first.generations.find_by_alias("chat", Principal("other")) is None
        assert await first.generations.find_by_alias("other chat", ANONYMOUS) is None
        first.hub.delete(one.id, ANONYMOUS)
        second.hub.delete(two.id, ANONYMOUS)


async def test_of_many_that_are_named_at_once_each_but_one_is_told_which_was_before() -> None:
    async with deployment(3) as shared:
        started = [(gateway, await gateway.start()) for gateway in shared.gateways for _ in range(2)]
        before = await asyncio.gather(
            *(gateway.generations.add_alias(generation.id, "chat", ANONYMOUS) for gateway, generation in started)
        )
        newest = await shared.gateways[0].generations.find_by_alias("chat", ANONYMOUS)
        assert newest is not None
        assert {*before} == {None, *(generation.id for _, generation in started)} - {newest.id}
        for gateway, generation in started:
            gateway.hub.delete(generation.id, ANONYMOUS)


async def test_a_name_remembers_a_bounded_number() -> None:
    async with deployment(1) as shared:
        (gateway,) = shared.gateways
        aliases = gateway.replica.shared.aliases
        for number in range(MAX_NAMED * 3):
            await aliases.add(f"g{number}", "chat", "p", 60)
        assert await aliases.find("chat", "p", 60) == f"g{MAX_NAMED * 3 - 1}"
        (stored,) = await shared.store.values.get([*shared.store.values._stored])  # type: ignore[attr-defined]
        assert len((stored or b"").split()) == MAX_NAMED


async def test_a_name_is_kept_as_long_as_its_generation_runs_and_is_retained() -> None:
    async with deployment(retention_policy=RetentionPolicy(retention=90)) as shared:
        first, second = shared.gateways
        generation = await first.streaming()
        await first.generations.add_alias(generation.id, "chat", ANONYMOUS)
        for _ in range(50):
            first.send("a")
            await shared.advance(20, 1)
        assert (await second.generations.find_by_alias("chat", ANONYMOUS)) is not None
        first.upstream.last.finish()
        await shared.advance(80, 1)
        assert (await second.generations.find_by_alias("chat", ANONYMOUS)) is not None
        await shared.advance(300, 1)
        assert await second.generations.find_by_alias("chat", ANONYMOUS) is None


async def test_without_the_store_a_name_is_known_where_it_was_given() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        one, two = await first.start(), await first.start()
        first.faults.fail("values")
        assert await first.generations.add_alias(one.id, "chat", ANONYMOUS) is None
        assert await first.generations.add_alias(two.id, "chat", ANONYMOUS) == one.id
        assert await first.generations.find_by_alias("chat", ANONYMOUS) is two
        assert await second.generations.find_by_alias("chat", ANONYMOUS) is None
        first.faults.heal()
        assert await first.generations.find_by_alias("chat", ANONYMOUS) is two
        for generation in (one, two):
            first.hub.delete(generation.id, ANONYMOUS)


async def test_a_generation_is_stopped_unless_somebody_views_it_anywhere() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming()
        await third.find(generation)
        third.hub.add_viewer(generation.id)
        await settle()
        for gateway in (second, third, first):
            result = await gateway.generations.interrupt(generation.id, STOP, 0, ANONYMOUS, unless_viewed=True)
            assert not result.stopped
        assert generation.end is None
        third.hub.remove_viewer(generation.id)
        await settle()
        result = await second.generations.interrupt(generation.id, STOP, 0, ANONYMOUS, unless_viewed=True)
        assert result.stopped
        await settle()
        assert generation.log.ended
