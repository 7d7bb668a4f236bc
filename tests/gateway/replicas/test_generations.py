"""Starts whose clients leave. Without a store, the generations of all replicas are those of the hub."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.admission.limits import PrincipalLimits
from gateway.generation.state import State
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, OnDisconnect
from gateway.protocol.errors import Code, Refused, invalid
from gateway.protocol.events import Interrupted
from gateway.replicas.generations import Generations
from gateway.replicas.messaging.messenger import Result
from gateway.replicas.messaging.running import RunningGeneration
from gateway.security.principals import Principal
from gateway.store.errors import StoreError
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import one_target
from tests.gateway.replicas.deployment import Deployment, Limits, deployment
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


ALICE = Principal("alice", "key", limits=PrincipalLimits(budget_per_day=10, rate_limit_per_minute=60))
"""A principal whose starts ask the store for everything that a start may ask for."""


class TestCancelled:
    """A start whose client leaves while it waits for the store."""

    @pytest.fixture
    async def pair(self) -> AsyncIterator[Deployment]:
        async with deployment(2, limits=Limits(max_concurrent=1, max_queue=1)) as gateways:
            yield gateways

    async def cancelled(self, pair: Deployment, operation: str, *, on_disconnect: OnDisconnect | None = None) -> None:
        """Begin a start, and cancel it in a call of the store; then let the store go on."""
        gateway = pair.gateways[0]
        gateway.faults.hold(operation)
        before = len(gateway.faults.calls)
        request = start_request(**({} if on_disconnect is None else {"on_disconnect": on_disconnect}))
        start = asyncio.create_task(gateway.start(request, ALICE, "key"))
        await settle()
        assert operation in gateway.faults.calls[before:]
        start.cancel()
        await settle()
        assert start.cancelled()
        gateway.faults.release()
        await settle()

    @pytest.mark.parametrize("operation", ["budgets.record", "starts.begin", "slots.claim"])
    async def test_nothing_is_left_of_one_that_was_not_admitted(self, pair: Deployment, operation: str) -> None:
        await self.cancelled(pair, operation)
        assert all(gateway.hub.running == gateway.hub.prompts.used == 0 for gateway in pair.gateways)
        # The slot and the key are free, on every gateway.
        other = await pair.gateways[1].start(principal=ALICE, key="key")
        assert pair.gateways[1].hub.is_running(other.id)
        assert other.state is not State.QUEUED

    async def test_its_policy_applies_to_one_that_runs(self, pair: Deployment) -> None:
        await self.cancelled(pair, "logs.create", on_disconnect="cancel")
        await pair.advance(1)
        assert all(gateway.hub.running == gateway.hub.slots.running == 0 for gateway in pair.gateways)
        # The key stands for it, as it does without a store.
        again = await pair.gateways[1].start(start_request(on_disconnect="cancel"), ALICE, "key")
        assert isinstance(again.end, Interrupted)
        assert again.end.by == "disconnect"

    async def test_its_client_may_come_back_within_the_grace_period(self, pair: Deployment) -> None:
        await self.cancelled(pair, "logs.create")
        first, second = pair.gateways
        (running,) = first.hub.running_for(ALICE)
        # It is stored, although nobody waits for that.
        again = await second.start(start_request(), ALICE, "key")
        assert (again.id, again.log.last) == (running.id, running.log.last)
        assert first.hub.running == 1
        await pair.advance(61)
        assert isinstance(running.end, Interrupted)
        assert running.end.by == "disconnect"

    async def test_one_that_goes_on_without_viewers_is_stored(self, pair: Deployment) -> None:
        await self.cancelled(pair, "logs.create", on_disconnect="continue")
        first, second = pair.gateways
        (running,) = first.hub.running_for(ALICE)
        first.send("Once upon a time")
        first.upstream.last.finish()
        await pair.advance(1)
        assert (await second.generations.find(running.id, ALICE)).log.text() == "Once upon a time"


class TestAskingAll:
    async def test_the_other_gateways_answer(self) -> None:
        async with deployment(3) as shared:
            await shared.advance(1.2)
            first, second, third = shared.gateways

            async def double(arguments: Result) -> Result:
                return {"doubled": [arguments["number"]] * 2}

            async def refuse(_arguments: Result) -> Result:
                raise invalid("never")

            second.generations.answer("double", double)
            third.generations.answer("double", refuse)
            answers = await first.generations.ask_all("double", {"number": 2})
            assert answers[second.generations.name] == {"doubled": [2, 2]}
            assert isinstance(answers[third.generations.name], Refused)
            # Nobody answers an unknown action, and nothing comes from gateways that can't be asked.
            unknown = await first.generations.ask_all("unknown", {})
            assert [type(answer) for answer in unknown.values()] == [Refused, Refused]
            first.faults.fail("messages.send")
            assert [type(answer) for answer in (await first.generations.ask_all("double", {})).values()] == [
                StoreError,
                StoreError,
            ]

    async def test_one_that_does_not_answer_is_not_awaited_for_long(self) -> None:
        async with deployment(2) as shared:
            await shared.advance(1.2)
            first, second = shared.gateways

            async def never(_arguments: Result) -> Result:
                await asyncio.Event().wait()
                return {}

            second.generations.answer("ask", never)
            asking = asyncio.create_task(first.generations.ask_all("ask", {}, 1.0))
            await settle()
            await shared.advance(1.2)
            (answer,) = (await asking).values()
            assert isinstance(answer, TimeoutError)

    async def test_without_a_store_there_are_no_others(self) -> None:
        async with one_target() as harness:
            generations = Generations(harness.hub)
            assert generations.name == ""
            assert await generations.ask_all("ask", {}) == {}
