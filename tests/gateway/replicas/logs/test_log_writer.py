"""Logs are written behind the local ones, in batches, and once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.generation.details import decode_prompt
from gateway.generation.event_log import EventLog
from gateway.generation.generation import Generation
from gateway.replicas.logs.log_writer import BATCH_LOGS, EXCHANGE_BYTES, LogWriter
from gateway.replicas.logs.written_log import KEEP_SECONDS, WrittenLog
from gateway.replicas.messaging.messages import Wake, decode_message
from gateway.store.errors import StoreError
from gateway.store.logs import Position, Take
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.replicas.written_logs import TERMS, send, streaming
from tests.gateway.store.faulty_store import FaultyStore, When
from tests.manual_clock import ManualClock


@dataclass
class Harness:
    writer: LogWriter
    store: FaultyStore
    clock: ManualClock
    fenced: list[WrittenLog] = field(default_factory=list)
    errors: list[StoreError] = field(default_factory=list)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await settle()

    async def text(self, generation_id: str) -> str:
        """Return the text that is stored."""
        part = (await self.store.logs.read({generation_id: Position()}))[generation_id]
        log = EventLog(generation_id)
        for entry in part.entries:
            log.add_entry(entry)
        assert log.last == part.head.last
        return log.text()


@asynccontextmanager
async def writing(*, with_prompt: bool = False) -> AsyncIterator[Harness]:
    """Yield a writer that runs."""
    clock = ManualClock()
    store = FaultyStore(MemoryStore(clock))
    fenced, errors = list[WrittenLog](), list[StoreError]()
    writer = LogWriter(
        *(store.logs, "me", clock),
        max_delay=0.2,
        with_prompt=with_prompt,
        on_fenced=fenced.append,
        on_error=errors.append,
    )
    task = asyncio.create_task(writer.run())
    yield Harness(writer, store, clock, fenced, errors)
    task.cancel()
    writer.pause()


async def woken(harness: Harness, generation: Generation) -> None:
    """Check that the other gateway is woken for what a log has now, once it is stored."""
    receiving = asyncio.create_task(harness.store.messages.receive("other"))
    await settle()
    assert receiving.done()
    assert decode_message(receiving.result()[-1]) == Wake({generation.id: generation.log.last})
    part = (await harness.store.logs.read({generation.id: Position()}))[generation.id]
    assert part.head.last == generation.log.last


async def test_hundreds_of_logs_are_written_in_a_few_calls() -> None:
    async with writing() as harness:
        generations = [streaming(f"g_{number}") for number in range(450)]
        for generation in generations:
            await harness.writer.create(harness.writer.add(generation, TERMS))
        for generation in generations:
            send(generation, "a", "b")
        harness.store.faults.calls.clear()
        await harness.advance(0.2)
        assert harness.store.faults.calls == ["logs.append"] * -(-450 // BATCH_LOGS)
        assert {await harness.text(generation.id) for generation in generations} == {"ab"}


async def test_many_long_logs_are_written_in_calls_of_a_limited_size() -> None:
    async with writing() as harness:
        generations = [streaming(f"g_{number}") for number in range(20)]
        for generation in generations:
            await harness.writer.create(harness.writer.add(generation, TERMS))
        harness.writer.pause()
        for generation in generations:
            send(generation, *["x" * 10_000] * 40)
        harness.store.faults.calls.clear()
        harness.writer.resume()
        await settle()
        assert harness.store.faults.calls.count("logs.append") >= len(generations) * 400_000 / EXCHANGE_BYTES
        for generation in generations:
            assert await harness.text(generation.id) == "x" * 400_000


async def test_a_slow_store_gets_larger_batches_and_nothing_waits_beside_the_log() -> None:
    async with writing() as harness:
        generation = streaming()
        await harness.writer.create(harness.writer.add(generation, TERMS))
        harness.store.faults.hold("logs.append")
        for _ in range(50):
            send(generation, "x")
            await harness.advance(0.2)
        assert harness.store.faults.calls.count("logs.append") == 1
        harness.store.faults.release()
        await settle()
        await harness.advance(0.2)
        assert harness.store.faults.calls.count("logs.append") == 2
        assert await harness.text(generation.id) == "x" * 50


@pytest.mark.parametrize("when", When)
async def test_a_creation_whose_reply_is_lost_is_ours(when: When) -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        harness.store.faults.fail_once("logs.create", when=when)
        with pytest.raises(StoreError):
            await harness.writer.create(written)
        assert len(harness.errors) == 1
        send(generation, "a")
        harness.writer.resume()
        await settle()
        assert (await harness.text(generation.id), harness.fenced) == ("a", [])


@pytest.mark.parametrize("when", When)
async def test_an_append_whose_reply_is_lost_is_stored_once(when: When) -> None:
    async with writing() as harness:
        generation = streaming()
        await harness.writer.create(harness.writer.add(generation, TERMS))
        send(generation, "a", "b")
        harness.store.faults.fail_once("logs.append", when=when)
        await harness.advance(0.2)
        send(generation, "c")
        await harness.advance(1)
        harness.writer.resume()
        await settle()
        assert await harness.text(generation.id) == "abc"


async def test_a_note_whose_append_failed_is_stored_later() -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        await harness.writer.create(written)
        harness.store.faults.fail_once("logs.append", when=When.BEFORE)
        harness.writer.on_details(generation.id)
        await settle()
        assert (written.details, written.details_stored) == (1, 0)
        harness.writer.resume()
        await settle()
        assert written.details_stored == 1
        head = (await harness.store.logs.read({generation.id: Position()}))[generation.id].head
        assert head.version == 1


async def test_details_are_sent_only_when_they_have_changed() -> None:
    async with writing() as harness:
        generation = streaming()
        await harness.writer.create(harness.writer.add(generation, TERMS))
        for _ in range(3):
            send(generation, "a")
            await harness.advance(0.2)
        head = (await harness.store.logs.read({generation.id: Position()}))[generation.id].head
        assert head.version == 0
        generation.on_finished(1001.0)
        await settle()
        head = (await harness.store.logs.read({generation.id: Position()}))[generation.id].head
        assert (head.version, head.ended) == (1, True)


async def test_watchers_are_woken_when_it_is_stored() -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        await harness.writer.create(written)
        written.watchers.add("other")
        send(generation, "a")
        await harness.advance(0.01)
        [message] = await harness.store.messages.receive("other")
        assert decode_message(message) == Wake({generation.id: generation.log.last})


async def test_watchers_are_woken_once_a_lost_log_is_stored_again() -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        await harness.writer.create(written)
        written.watchers.add("other")
        await harness.store.logs.delete(generation.id)
        harness.store.faults.hold("logs.create")
        send(generation, "a")
        await harness.advance(0.01)
        # Of the append: there is nothing that it could be appended to.
        await harness.store.messages.receive("other")
        harness.store.faults.release()
        await woken(harness, generation)
        assert await harness.text(generation.id) == "a"


async def test_watchers_are_woken_by_a_creation_that_is_repeated_with_more() -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        harness.store.faults.fail_once("logs.create")
        with pytest.raises(StoreError):
            await harness.writer.create(written)
        written.watchers.add("other")
        send(generation, "a")
        harness.writer.resume()
        await woken(harness, generation)


async def test_a_log_that_another_gateway_has_taken_is_given_up() -> None:
    async with writing() as harness:
        generation = streaming()
        written = harness.writer.add(generation, TERMS)
        await harness.writer.create(written)
        await harness.store.logs.take([Take(generation.id, "me", 0, "other")])
        send(generation, "a")
        await harness.advance(0.2)
        assert harness.fenced == [written]
        assert harness.writer.get(generation.id) is None
        assert (generation.log.on_append, generation.log.on_end) == (None, None)


async def test_retaking_gives_new_fences_to_what_is_still_ours() -> None:
    async with writing() as harness:
        logs = [harness.writer.add(streaming(f"g_{number}"), TERMS) for number in range(3)]
        for written in logs:
            await harness.writer.create(written)
        mine, taken, missing = logs
        await harness.store.logs.take([Take("g_1", "me", 0, "other")])
        await harness.store.logs.delete("g_2")
        harness.store.faults.fail_once("logs.take")
        with pytest.raises(StoreError):
            await harness.writer.retake(logs)
        # The reply was lost; another gateway has no chance any more.
        assert (await harness.store.logs.take([Take("g_0", "me", 0, "other")]))[0] is not None
        await harness.writer.retake(logs)
        assert (mine.fence, harness.fenced, missing.is_created) == (1, [taken], False)
        await harness.writer.write(logs, verify=True)
        assert await harness.text("g_2") == ""
        send(mine.generation, "a")
        await harness.advance(0.2)
        assert await harness.text("g_0") == "a"


async def test_a_silent_generation_is_kept() -> None:
    async with writing() as harness:
        generation = streaming()
        await harness.writer.create(harness.writer.add(generation, TERMS))
        for _ in range(5):
            await harness.advance(KEEP_SECONDS / 3)
            harness.writer.refresh()
            await settle()
        assert await harness.text(generation.id) == ""


async def test_the_prompt_is_stored_once_as_it_was_sent() -> None:
    async with writing(with_prompt=True) as harness:
        generation = streaming()
        await harness.writer.create(harness.writer.add(generation, TERMS))
        prompt = decode_prompt(await harness.store.logs.prompt(generation.id))
        assert "Hello" in prompt.messages
        generation.on_finished(1001.0)
        await settle()
        assert await harness.store.logs.prompt(generation.id) == b""
