"""What is retained of generations, and for how long; idempotency keys."""

import pytest

from gateway.generation.content_counter import FRAME_BYTES
from gateway.generation.state import State
from gateway.pipeline.hub import RetentionPolicy
from gateway.pipeline.records import MAX_ALIASES
from gateway.protocol.commands import FeedbackRequest, StartRequest
from gateway.protocol.errors import Code, Refused
from gateway.protocol.events import Usage
from gateway.security.principals import GenerationScope, Principal, anonymous
from tests.event_loop import settle
from tests.gateway.pipeline.one_target import failure, one_target
from tests.start_requests import ANONYMOUS, start_request


async def test_finished_generations_are_retained_for_a_time_and_up_to_a_number() -> None:
    async with one_target(retention_policy=RetentionPolicy(retention=300, max_retained=3)) as harness:
        finished = []
        for _ in range(5):
            generation = await harness.streaming()
            harness.upstream.last.finish()
            await settle()
            finished.append(generation.id)
        for lost in finished[:2]:
            with pytest.raises(Refused) as refused:
                harness.hub.find(lost, ANONYMOUS)
            assert refused.value.code is Code.GENERATION_LOST
        assert harness.hub.find(finished[4], ANONYMOUS).log.text() == "Once upon "
        harness.clock.advance(300)
        with pytest.raises(Refused):
            harness.hub.find(finished[4], ANONYMOUS)
        assert harness.clock.pending == 0


async def test_a_principal_lists_its_own_running_generations_and_an_observer_all() -> None:
    alice, bob, observer = Principal("alice"), Principal("bob"), Principal("carol", roles=frozenset({"observe"}))
    async with one_target() as harness:
        first, second = (
            harness.hub.start(start_request(), request_id="r", principal=principal) for principal in (alice, bob)
        )
        assert harness.hub.running_for(alice) == [first]
        assert harness.hub.running_for(bob) == [second]
        assert harness.hub.running_for(observer) == [second, first]
        scope = GenerationScope(first.id)
        assert harness.hub.running_for(alice.restricted_to(scope)) == [first]
        assert harness.hub.running_for(observer.restricted_to(scope)) == [first]
        await harness.hub.close()
        assert harness.hub.running_for(observer) == []


async def test_a_generation_is_kept_longer_if_its_start_says_so() -> None:
    async with one_target(retention_policy=RetentionPolicy(retention=300)) as harness:
        forgotten: list[str] = []
        also: list[str] = []
        harness.hub.on_forget(forgotten.append)
        harness.hub.on_forget(also.append)
        short, long = (
            harness.hub.start(start_request(), request_id="r", principal=ANONYMOUS, retention=retention)
            for retention in (10, 3600)
        )
        await settle()
        assert harness.hub.is_running(short.id)
        for call in harness.upstream.calls:
            call.finish()
        await settle()
        assert not harness.hub.is_running(short.id)
        harness.clock.advance(300)
        assert forgotten == also == [short.id]
        assert not harness.hub.is_running(short.id)
        assert harness.hub.find(long.id, ANONYMOUS) is long
        harness.clock.advance(3300)
        assert forgotten == [short.id, long.id]


async def test_a_deleted_generation_is_stopped_and_dropped() -> None:
    async with one_target() as harness:
        running, finished = await harness.streaming(), await harness.streaming()
        harness.upstream.last.finish()
        await settle()
        with pytest.raises(Refused) as refused:
            harness.hub.delete(finished.id, Principal("other"))
        assert refused.value.code is Code.GENERATION_LOST
        for generation in (running, finished):
            harness.hub.delete(generation.id, ANONYMOUS)
        await settle()
        harness.clock.advance(0)
        for generation in (running, finished):
            with pytest.raises(Refused):
                harness.hub.find(generation.id, ANONYMOUS)
        assert running.state is State.INTERRUPTED


async def test_an_idempotency_key_starts_once() -> None:
    async with one_target() as harness:
        first = harness.start(idempotency_key="k")
        assert harness.start(idempotency_key="k") is first
        assert harness.start(idempotency_key="k", principal="other") is not first
        with pytest.raises(Refused) as refused:
            harness.start(start_request("something else"), idempotency_key="k")
        assert refused.value.status == 409
        await settle()
        harness.upstream.calls[0].finish()
        await settle()
        assert harness.start(idempotency_key="k") is first
        harness.clock.advance(300)
        assert harness.start(idempotency_key="k") is not first


@pytest.mark.parametrize(("code", "starts_anew"), [(Code.SERVER_ERROR, True), (Code.CONTENT_FILTER, False)])
async def test_an_idempotency_key_starts_anew_after_an_error_that_may_be_retried(code: Code, starts_anew: bool) -> None:
    async with one_target() as harness:
        first = harness.start(idempotency_key="k")
        await settle()
        harness.upstream.last.fail(failure(code))
        await settle()
        with pytest.raises(Refused):
            harness.start(start_request("something else"), idempotency_key="k")
        second = harness.start(idempotency_key="k")
        assert (second is not first) is starts_anew
        assert harness.start(idempotency_key="k") is second
        harness.clock.advance(301)
        await settle()
        # The first one is forgotten: its key belongs to the second.
        assert (harness.start(idempotency_key="k") is second) is starts_anew


async def test_notes_and_metadata_count_to_the_size_of_what_is_retained() -> None:
    async with one_target(retention_policy=RetentionPolicy(max_retained_bytes=1000)) as harness:
        held = []
        for name in ("a" * 200, "b" * 200):
            request = StartRequest(messages=start_request().messages, metadata={"k": name})
            held.append(harness.hub.start(request, request_id="r", principal=ANONYMOUS))
            await settle()
            harness.upstream.last.finish()
            await settle()
        first, second = held
        assert harness.hub._records.retained_bytes == first.size + second.size == 416
        note = FeedbackRequest(text="n" * 300, mode="note")
        harness.hub.feedback(second.id, note, harness.clock.now(), ANONYMOUS)
        assert harness.hub._records.retained_bytes == first.size + second.size == 416 + 300 + FRAME_BYTES
        # The note exceeds the limit: the oldest generation is removed.
        harness.hub.feedback(second.id, note, harness.clock.now(), ANONYMOUS)
        with pytest.raises(Refused):
            harness.hub.find(first.id, ANONYMOUS)
        assert harness.hub._records.retained_bytes == second.size == 208 + 2 * (300 + FRAME_BYTES)
        harness.hub.feedback(second.id, note, harness.clock.now(), ANONYMOUS)
        assert (harness.hub._records.retained_bytes, harness.hub._records._retained) == (0, {})


async def test_finished_generations_are_retained_up_to_a_size() -> None:
    async with one_target(retention_policy=RetentionPolicy(max_retained_bytes=25)) as harness:
        finished = []
        for _ in range(3):
            generation = await harness.streaming()
            harness.upstream.last.finish()
            await settle()
            finished.append(generation.id)
        with pytest.raises(Refused):
            harness.hub.find(finished[0], ANONYMOUS)
        assert harness.hub.find(finished[2], ANONYMOUS).log.ended


async def test_an_alias_names_the_newest_generation_of_its_principal() -> None:
    async with one_target(retention_policy=RetentionPolicy(retention=10)) as harness:
        mine, other = anonymous("a"), Principal("b")
        first = harness.start(principal="a")
        harness.hub.add_alias(first.id, "chat", mine)
        assert harness.hub.find_by_alias("chat", mine) is first
        assert harness.hub.find_by_alias("chat", other) is None
        with pytest.raises(Refused, match="no generation"):
            harness.hub.add_alias(first.id, "chat", other)
        second = harness.start(principal="a")
        harness.hub.add_alias(second.id, "chat", mine)
        assert harness.hub.find_by_alias("chat", mine) is second
        await settle()
        for call in harness.upstream.calls:
            call.finish(usage=Usage(1, 1, "exact"))
        await settle()
        assert harness.hub.find_by_alias("chat", mine) is second
        harness.clock.advance(10)
        assert harness.hub.find_by_alias("chat", mine) is None
        harness.assert_nothing_left()


async def test_an_alias_is_not_found_with_a_ticket_for_another_generation() -> None:
    async with one_target() as harness:
        mine, first, second = anonymous("a"), harness.start(principal="a"), harness.start(principal="a")
        harness.hub.add_alias(first.id, "chat", mine)
        scoped = mine.restricted_to(GenerationScope(second.id))
        assert harness.hub.find_by_alias("chat", scoped) is None
        scoped = mine.restricted_to(GenerationScope(first.id))
        assert harness.hub.find_by_alias("chat", scoped) is first


async def test_a_request_that_is_sent_again_takes_no_alias_back() -> None:
    async with one_target() as harness:
        mine, first, second = anonymous("a"), harness.start(principal="a"), harness.start(principal="a")
        for generation in (first, second, first):
            harness.hub.add_alias(generation.id, "chat", mine)
        assert harness.hub.find_by_alias("chat", mine) is second


async def test_the_oldest_of_many_aliases_is_lost() -> None:
    async with one_target() as harness:
        mine, generation = anonymous("a"), harness.start(principal="a")
        for number in range(MAX_ALIASES + 1):
            harness.hub.add_alias(generation.id, f"chat {number}", mine)
        assert harness.hub.find_by_alias("chat 0", mine) is None
        assert harness.hub.find_by_alias("chat 1", mine) is generation
        assert len(harness.hub._records._by_alias) == MAX_ALIASES


async def test_what_is_kept_beside_a_generation_counts_as_its_prompt() -> None:
    async with one_target() as harness:
        generation = harness.start(principal="a")
        before = harness.hub.prompts.used
        harness.hub.hold(generation.id, 1000)
        harness.hub.feedback(generation.id, FeedbackRequest(mode="note", text="x"), 0.0, anonymous("a"))
        assert harness.hub.prompts.used >= before + 1000
        await settle()
        harness.upstream.last.finish()
        await settle()
        harness.hub.hold(generation.id, 1000)
        assert harness.hub.prompts.used == 0
