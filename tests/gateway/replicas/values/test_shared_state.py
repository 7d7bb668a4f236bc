"""What gateways tell each other with their leases, and the list of what runs."""

import pytest

from gateway.protocol.errors import Code, Failed, Refused
from gateway.replicas.messaging.running import RunningGeneration, decode_reader, decode_rows
from gateway.routing.breaker import Circuit
from gateway.security.principals import GenerationScope, Principal
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.start_requests import ANONYMOUS

ALICE, BOB = Principal("alice", "key"), Principal("bob", "key")


async def test_an_open_circuit_is_known_everywhere_after_two_renewals() -> None:
    async with deployment() as shared:
        first, second = shared.gateways
        targets = [gateway.hub.models.by_name["m"].targets[0] for gateway in (first, second)]
        for _ in range(5):
            targets[0].breaker.record(Failed(Code.SERVER_ERROR, "down"), shared.clock.now(), answered=False)
        targets[0].cooldown_until = shared.clock.now() + 60
        await shared.advance(2)
        assert targets[1].breaker.circuit(shared.clock.now()) is Circuit.OPEN
        assert targets[1].cooldown_until == pytest.approx(targets[0].cooldown_until, abs=1)


async def test_what_runs_is_listed_wherever_it_runs() -> None:
    async with deployment(3) as shared:
        first, second, third = shared.gateways
        await shared.advance(1.2)
        hers = await first.start(principal=ALICE)
        shared.clock.pause(1)
        his = await second.start(principal=BOB)
        rows = {"hers": RunningGeneration.of(hers), "his": RunningGeneration.of(his)}
        for gateway in shared.gateways:
            assert await gateway.generations.running_for(ALICE) == [rows["hers"]]
            assert await gateway.generations.running_for(ANONYMOUS) == [rows["his"], rows["hers"]]
        scoped = ANONYMOUS.restricted_to(GenerationScope(hers.id))
        assert await third.generations.running_for(scoped) == [rows["hers"]]
        first.hub.delete(hers.id, ALICE)
        await settle()
        assert await third.generations.running_for(ANONYMOUS) == [rows["his"]]
        # One that can't send lists what runs here.
        third.faults.fail("messages.send")
        assert await third.generations.running_for(ANONYMOUS) == []
        third.faults.heal()
        second.hub.delete(his.id, BOB)


def test_what_a_gateway_of_another_version_sends_is_ignored_or_refused() -> None:
    assert decode_rows({"generations": "?"}) == ()
    with pytest.raises(Refused):
        decode_reader({"reader": 1})
