"""Which gateways have viewers of which generations."""

from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.gateway.store.faulty_store import When
from tests.start_requests import ANONYMOUS


async def test_a_watch_that_is_lost_is_told_again() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        await shared.store.messages.forget(first.replica.name)
        second.hub.add_viewer(generation.id)
        await settle()
        await first.replica.store.messages.forget(first.replica.name)
        await shared.advance(1.2)
        assert first.hub.is_viewed(generation.id)
        second.hub.remove_viewer(generation.id)
        await settle()
        assert not first.hub.is_viewed(generation.id)


async def test_what_is_being_stored_when_a_viewer_comes_elsewhere_reaches_it_at_once() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await shared.advance(0.2)
        mirrored = await second.find(generation)
        first.faults.hold("logs.append")
        first.send("b")
        await settle()
        await shared.advance(0.2)
        assert first.faults.calls[-1] == "logs.append"
        second.hub.add_viewer(generation.id)
        await settle()
        first.faults.release()
        await settle()
        assert mirrored.log.text() == "ab"


async def test_a_viewer_that_left_without_word_is_counted_no_longer() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        second.hub.add_viewer(generation.id)
        await settle()
        assert first.hub.is_viewed(generation.id)
        second.faults.fail_once("messages.send", when=When.BEFORE)
        second.hub.remove_viewer(generation.id)
        await settle()
        assert first.hub.is_viewed(generation.id)
        await shared.advance(2.4)
        assert not first.hub.is_viewed(generation.id)


async def test_a_gateway_counts_as_one_viewer_however_many_it_has() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        generation = await first.streaming("a")
        for gateway in (second, second, third):
            await gateway.find(generation)
            gateway.hub.add_viewer(generation.id)
        await shared.advance(1.2)
        assert first.hub.viewers == 2
        for gateway in (second, second, third):
            gateway.hub.remove_viewer(generation.id)
        await settle()
        assert first.hub.viewers == 0


async def test_the_viewers_of_a_gateway_that_has_died_are_counted_no_longer() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        second.hub.add_viewer(generation.id)
        await settle()
        second.kill()
        await shared.advance(6)
        assert not first.hub.is_viewed(generation.id)
        second.hub.remove_viewer(generation.id)


async def test_a_watch_that_comes_after_the_end_reads_the_end() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        mirrored = await second.find(generation)
        first.upstream.last.finish()
        await settle()
        assert not mirrored.log.ended
        second.hub.add_viewer(generation.id)
        await settle()
        assert mirrored.end == generation.end
        await shared.advance(1.2)
        assert first.hub.viewers == 0
        second.hub.remove_viewer(generation.id)


async def test_what_is_not_known_here_is_no_reason_to_fail() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        generation = await first.streaming("a")
        await second.find(generation)
        second.hub.add_viewer(generation.id)
        await settle()
        first.hub.delete(generation.id, ANONYMOUS)
        await shared.advance(2)
        second.hub.remove_viewer(generation.id)
        await shared.advance(2)
        assert first.hub.viewers == 0
