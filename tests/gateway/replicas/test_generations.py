"""Without a store, the generations of all replicas are those of the hub."""

import pytest

from gateway.admission.limits import PrincipalLimits
from gateway.protocol.commands import FeedbackRequest, InterruptRequest
from gateway.protocol.errors import Code, Refused
from gateway.replicas.generations import Generations
from gateway.replicas.running import RunningGeneration
from gateway.security.principals import Principal
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target
from tests.start_requests import ANONYMOUS, start_request

OTHER = Principal("other", "key")


async def test_a_generation_is_started_and_found_in_the_hub() -> None:
    async with one_target() as harness:
        generations = Generations(harness.hub)
        started = await generations.start(
            start_request(), request_id="r", principal=ANONYMOUS, idempotency_key="key", retention=10
        )
        again = await generations.start(start_request(), request_id="r", principal=ANONYMOUS, idempotency_key="key")
        assert again is started is harness.hub.find(started.id, ANONYMOUS)
        assert await generations.find(started.id, ANONYMOUS) is started
        assert await generations.find_for_command(started.id, ANONYMOUS) is started
        assert await generations.running_for(ANONYMOUS) == [RunningGeneration.of(started)]
        assert await generations.add_alias(started.id, "chat", ANONYMOUS) is None
        assert await generations.find_by_alias("chat", ANONYMOUS) is started
        assert await generations.find_by_alias("chat", OTHER) is None
        with pytest.raises(Refused) as refused:
            await generations.find(started.id, OTHER)
        assert refused.value.code is Code.GENERATION_LOST


async def test_commands_reach_the_hub() -> None:
    async with one_target() as harness:
        generations, now = Generations(harness.hub), harness.clock.now()
        generation = await harness.streaming()
        note = FeedbackRequest(rating=1, mode="note")
        given, feedback_id = await generations.feedback(generation.id, note, now, ANONYMOUS)
        assert given is generation
        assert [note.feedback_id for note in generation.notes] == [feedback_id]
        assert await generations.can_interrupt(generation.id, ANONYMOUS)
        stop = InterruptRequest(reason="enough")
        assert await generations.interrupt(generation.id, stop, now, ANONYMOUS) == (generation, True)
        assert await generations.interrupt(generation.id, stop, now, ANONYMOUS) == (generation, False)
        assert not await generations.can_interrupt(generation.id, ANONYMOUS)
        await settle()
        await generations.delete(generation.id, ANONYMOUS)
        assert await generations.running_for(ANONYMOUS) == []
        with pytest.raises(Refused):
            harness.hub.find(generation.id, ANONYMOUS)


async def test_a_call_is_charged_to_the_budgets_of_the_hub() -> None:
    async with one_target() as harness:
        alice = Principal("alice", "key", limits=PrincipalLimits(budget_per_day=10))
        charge = await Generations(harness.hub).admit_call(alice)
        charge.charge_to_date(2.5, harness.clock.unix())
        assert harness.hub.budgets.spent(alice.id, harness.clock.unix()) == 2.5
