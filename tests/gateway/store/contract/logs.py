"""The contract of stored logs."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.protocol.events import Chunk, Verbatim
from gateway.store.base import Store
from gateway.store.logs import Appended, Head, LogPart, Position, Take
from tests.gateway.store.contract.shared import (
    DETAILS,
    FACTS,
    SharedStore,
    append,
    batch,
    chunks,
    end,
    head,
    log_of,
    texts,
)

STORED, FENCED, MISSING = Appended


async def read(store: Store, generation_id: str = "g", last: int = 0, version: int = -1) -> LogPart | None:
    """Return what follows a position of one generation."""
    return (await store.logs.read({generation_id: Position(last, version)})).get(generation_id)


async def read_known(store: Store, generation_id: str = "g", last: int = 0, version: int = -1) -> LogPart:
    """Return what follows a position of a generation that is stored."""
    part = await read(store, generation_id, last, version)
    assert part is not None
    return part


async def take(store: Store, former: str, fence: int, owner: str) -> Head | None:
    """Take one generation."""
    (taken,) = await store.logs.take([Take("g", former, fence, owner)])
    return taken


class LogContract:
    """What every store of logs does."""

    async def test_what_is_created_here_is_read_there(self, shared: SharedStore) -> None:
        assert await shared.first.logs.create(head("g"), chunks(1, 3), 60)
        part = await read_known(shared.second)
        assert part.head == Head("g", "a", 0, 3, ended=False, version=0, details=DETAILS, facts=FACTS)
        assert list(part.entries) == list(chunks(1, 3))

    async def test_an_unknown_generation_is_left_out(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        parts = await shared.first.logs.read({"other": Position(), "g": Position()})
        assert list(parts) == ["g"]
        assert await shared.first.logs.read({}) == {}

    async def test_an_id_is_given_to_one_owner_only(self, shared: SharedStore) -> None:
        assert await shared.first.logs.create(head("g", "a"), chunks(1, 1), 60)
        assert not await shared.second.logs.create(head("g", "b"), chunks(1, 2), 60)
        assert not await shared.second.logs.create(head("g", "a", fence=1), chunks(1, 2), 60)
        part = await read_known(shared.first)
        assert (part.head.owner, part.head.fence, part.head.last) == ("a", 0, 1)
        assert await shared.first.logs.owned("b") == []

    async def test_of_many_that_create_an_id_one_does(self, shared: SharedStore) -> None:
        stores = [shared.first, shared.second] * 4
        creations = [store.logs.create(head("g", f"o{index}"), chunks(1, 1), 60) for index, store in enumerate(stores)]
        assert sorted(await asyncio.gather(*creations)) == [False] * 7 + [True]

    async def test_a_creation_whose_reply_was_lost_may_come_again_with_more(self, shared: SharedStore) -> None:
        assert await shared.first.logs.create(head("g"), chunks(1, 2), 60)
        assert await shared.first.logs.create(head("g"), chunks(1, 2), 60)
        assert await shared.first.logs.create(head("g"), chunks(1, 4), 60)
        assert await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        part = await read_known(shared.second)
        assert (part.head.last, texts(part.entries)) == (4, "1,2,3,4,")

    async def test_batches_follow_each_other(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 2), 60)
        assert await shared.first.logs.append([append("g", chunks(3, 3)), append("g", chunks(4, 9))]) == [
            STORED,
            STORED,
        ]
        for last in range(10):
            part = await read_known(shared.second, last=last)
            assert part.head.last == 9
            assert [entry.last for entry in part.entries] == [seq for seq in (2, 3, 9) if seq > last]

    async def test_a_batch_whose_reply_was_lost_is_stored_once(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        for _ in range(3):
            assert await shared.first.logs.append([append("g", chunks(2, 3))]) == [STORED]
        assert texts((await read_known(shared.second)).entries) == "1,2,3,"

    async def test_a_batch_that_comes_again_with_more_is_stored_whole(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        await shared.first.logs.append([append("g", chunks(2, 3))])
        assert await shared.first.logs.append([append("g", chunks(2, 5))]) == [STORED]
        part = await read_known(shared.second, last=3)
        assert (part.head.last, part.entries[-1].last) == (5, 5)

    async def test_two_that_append_the_same_batch_at_once_store_it_once(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        same = [append("g", chunks(2, 2))]
        await asyncio.gather(*(store.logs.append(same) for store in (shared.first, shared.second) * 5))
        assert texts((await read_known(shared.second)).entries) == "1,2,"

    async def test_only_its_owner_appends_and_only_with_its_fence(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        wrong = [append("g", chunks(2, 2), owner="b"), append("g", chunks(2, 2), fence=1), append("h", chunks(1, 1))]
        assert await shared.first.logs.append(wrong) == [FENCED, FENCED, MISSING]
        assert (await read_known(shared.first)).head.last == 1
        assert await read(shared.first, "h") is None

    async def test_results_come_in_the_order_of_appends_to_many_generations(self, shared: SharedStore) -> None:
        names = [f"g{number}" for number in range(300)]
        await asyncio.gather(*(shared.first.logs.create(head(name), chunks(1, 1), 60) for name in names[::2]))
        results = await shared.first.logs.append([append(name, chunks(2, 3)) for name in names])
        assert results == [STORED, MISSING] * 150
        parts = await shared.second.logs.read({name: Position(1) for name in names})
        assert list(parts) == names[::2]
        assert {texts(part.entries) for part in parts.values()} == {"2,3,"}

    async def test_nothing_to_append_is_a_question_whether_it_is_still_ours(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        asked = [append("g", ()), append("g", (), owner="b"), append("h", ())]
        assert await shared.first.logs.append(asked) == [STORED, FENCED, MISSING]
        assert await shared.first.logs.append([]) == []

    async def test_details_are_read_when_they_have_changed(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        part = await read_known(shared.second, version=0)
        assert (part.head.version, part.head.details, part.head.facts) == (0, None, None)
        await shared.first.logs.append([append("g", chunks(2, 2), details=b"more"), append("g", chunks(3, 3))])
        part = await read_known(shared.second, version=0)
        assert (part.head.version, part.head.details, part.head.facts) == (1, b"more", None)
        part = await read_known(shared.second, version=1)
        assert (part.head.version, part.head.details, part.head.facts) == (1, None, None)
        part = await read_known(shared.second)
        assert (part.head.details, part.head.facts) == (b"more", FACTS)

    async def test_details_of_a_stored_batch_count(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        assert await shared.first.logs.append([append("g", chunks(1, 1), details=b"")]) == [STORED]
        part = await read_known(shared.second)
        assert (part.head.version, part.head.details) == (1, b"")

    async def test_a_generation_ends_and_its_details_may_still_change(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        await shared.first.logs.append([append("g", end(2))])
        assert await shared.first.logs.append([append("g", (), details=b"note")]) == [STORED]
        part = await read_known(shared.second)
        assert (part.head.ended, part.head.last, part.head.details) == (True, 2, b"note")
        assert part.entries[-1].is_end

    async def test_all_bytes_are_kept(self, shared: SharedStore) -> None:
        odd = ['"\\\n\r\x00', "ÿ😀", "}{%", "x" * 300]
        log = log_of(*map(Chunk, odd), Verbatim(b"data: {}\r\xff"))
        await shared.first.logs.create(head("g"), batch(log), 60)
        part = await read_known(shared.second)
        assert list(part.entries) == list(batch(log))

    async def test_big_batches_are_kept(self, shared: SharedStore) -> None:
        big = "0123456789abcdef" * 65536
        log = log_of(Chunk("a"), *(Chunk(big) for _ in range(4)))
        await shared.first.logs.create(head("g"), batch(log)[:1], 60)
        await shared.first.logs.append([append("g", batch(log)[1:], details=big.encode())])
        part = await read_known(shared.second)
        assert texts(part.entries) == "a" + big * 4
        assert part.head.details == big.encode()

    @pytest.mark.parametrize("name", ["{", "}", "{}", "a}b{c", "%7B", "", " ", "ü/\\\x00\r\n", "x" * 2000, "\ud800"])
    async def test_any_text_is_an_id(self, shared: SharedStore, name: str) -> None:
        assert await read(shared.first, name) is None
        assert await shared.first.logs.create(head(name), chunks(1, 1), 60)
        assert await shared.first.logs.append([append(name, chunks(2, 2))]) == [STORED]
        assert texts((await read_known(shared.second, name)).entries) == "1,2,"
        await shared.second.logs.delete(name)
        assert await read(shared.first, name) is None

    async def test_a_generation_is_kept_for_a_time_after_its_last_append(self, shared: SharedStore) -> None:
        keep = 4 * shared.unit
        await shared.first.logs.create(head("g"), chunks(1, 1), keep, b"prompt")
        await shared.wait(3)
        await shared.first.logs.append([append("g", chunks(2, 2), keep=keep)])
        await shared.wait(3)
        assert texts((await read_known(shared.second)).entries) == "1,2,"
        assert await shared.second.logs.prompt("g") == b"prompt"
        await shared.wait(2)
        assert await read(shared.second) is None
        assert await shared.second.logs.prompt("g") == b""
        assert await shared.second.logs.owned("a") == []
        assert await shared.first.logs.append([append("g", chunks(3, 3))]) == [MISSING]
        assert await take(shared.second, "a", 0, "b") is None
        assert await shared.second.logs.create(head("g", "b"), chunks(1, 3), 60)

    async def test_a_prompt_is_kept_until_the_end(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60, b"prompt\x00\xff")
        await shared.first.logs.append([append("g", chunks(2, 2))])
        assert await shared.second.logs.prompt("g") == b"prompt\x00\xff"
        await shared.first.logs.append([append("g", end(3))])
        assert await shared.second.logs.prompt("g") == b""
        assert await shared.second.logs.prompt("other") == b""

    async def test_a_taken_generation_has_another_owner_and_the_next_fence(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 2), 60)
        taken = await take(shared.second, "a", 0, "b")
        assert taken == Head("g", "b", 1, 2, ended=False)
        assert await shared.first.logs.append([append("g", chunks(3, 3))]) == [FENCED]
        assert await shared.second.logs.append([append("g", end(1_000_000_001), owner="b", fence=1)]) == [STORED]
        part = await read_known(shared.first, last=2)
        assert (part.head.owner, part.head.fence, part.head.ended) == ("b", 1, True)
        assert [entry.last for entry in part.entries] == [1_000_000_001]

    async def test_of_many_that_take_a_generation_one_gets_it(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        stores = [shared.first, shared.second] * 5
        takers = [take(store, "a", 0, f"taker-{index}") for index, store in enumerate(stores)]
        heads = await asyncio.gather(*takers)
        assert len({taken.owner for taken in heads if taken is not None}) == 1
        (winner,) = {taken.owner for taken in heads if taken is not None}
        assert {taken.fence for taken in heads if taken is not None} == {1}
        owned = {name: await shared.first.logs.owned(name) for name in ["a", *(f"taker-{n}" for n in range(10))]}
        assert {name for name, ids in owned.items() if ids} == {winner}

    async def test_a_take_whose_reply_was_lost_may_come_again(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        first, second = [await take(shared.second, "a", 0, "b") for _ in range(2)]
        assert first == second == Head("g", "b", 1, 1, ended=False)
        assert await shared.first.logs.owned("b") == ["g"]

    async def test_a_wrong_owner_or_fence_takes_nothing(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        takes = [Take("g", "c", 0, "b"), Take("g", "a", 1, "b"), Take("other", "a", 0, "b")]
        unchanged = Head("g", "a", 0, 1, ended=False)
        assert await shared.second.logs.take(takes) == [unchanged, unchanged, None]
        assert await shared.second.logs.take([]) == []
        assert await shared.first.logs.owned("a") == ["g"]
        assert await shared.first.logs.owned("b") == []

    async def test_an_owner_that_takes_its_own_generation_keeps_it(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        assert await take(shared.first, "a", 0, "a") == Head("g", "a", 1, 1, ended=False)
        assert await shared.second.logs.owned("a") == ["g"]
        assert await take(shared.second, "a", 0, "b") == Head("g", "a", 1, 1, ended=False)

    async def test_a_generation_that_has_ended_can_be_taken(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)
        await shared.first.logs.append([append("g", end(2))])
        assert await take(shared.second, "a", 0, "b") == Head("g", "b", 1, 2, ended=True)
        assert await shared.second.logs.owned("b") == []

    async def test_an_append_races_with_a_take(self, shared: SharedStore) -> None:
        """Whichever comes first, the new owner knows all that the former one was told to be stored."""
        for number in range(10):
            name = f"g{number}"
            await shared.first.logs.create(head(name), chunks(1, 1), 60)
            takes = shared.second.logs.take([Take(name, "a", 0, "b")])
            (result,), (taken,) = await asyncio.gather(shared.first.logs.append([append(name, chunks(2, 2))]), takes)
            assert taken is not None
            assert (result, taken.last) in {(STORED, 2), (FENCED, 1)}

    async def test_what_a_gateway_owns_is_what_has_not_ended(self, shared: SharedStore) -> None:
        names = [f"g{number}" for number in range(5)]
        for name in names:
            await shared.first.logs.create(head(name), chunks(1, 1), 60)
        await shared.first.logs.append([append("g0", end(2)), append("g1", chunks(2, 2))])
        await shared.first.logs.delete("g2")
        await shared.second.logs.take([Take("g3", "a", 0, "b")])
        assert sorted(await shared.second.logs.owned("a")) == ["g1", "g4"]
        assert await shared.second.logs.owned("b") == ["g3"]
        assert await shared.second.logs.owned("nobody") == []

    async def test_a_generation_that_has_ended_at_once_is_owned_by_nobody(self, shared: SharedStore) -> None:
        log = [*chunks(1, 1), *end(2)]
        created = Head("g", "a", 0, 0, ended=True, details=DETAILS, facts=FACTS)
        await shared.first.logs.create(created, log, 60)
        assert (await read_known(shared.second)).head.ended
        assert await shared.first.logs.owned("a") == []

    async def test_what_is_deleted_is_gone(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60, b"prompt")
        await shared.second.logs.delete("g")
        await shared.second.logs.delete("g")
        assert await read(shared.first) is None
        assert await shared.first.logs.prompt("g") == b""
        assert await shared.first.logs.append([append("g", chunks(2, 2))]) == [MISSING]

    async def test_wakes_are_sent_after_the_append(self, shared: SharedStore) -> None:
        await shared.first.logs.create(head("g"), chunks(1, 1), 60)

        async def read_on_wake() -> Sequence[bytes]:
            received = await shared.second.messages.receive("reader")
            assert (await read_known(shared.second)).head.last == 2
            return received

        reading = asyncio.create_task(read_on_wake())
        wakes = {"reader": b"wake\x00", "other": b"other"}
        assert await shared.first.logs.append([append("g", chunks(2, 2))], wakes) == [STORED]
        assert await asyncio.wait_for(reading, 10) == [b"wake\x00"]
        assert await shared.second.messages.receive("other") == [b"other"]
