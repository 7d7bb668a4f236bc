"""What values must do."""

import asyncio

from tests.gateway.store.contract.shared import SharedStore

KEEP = 60.0


class ValuesContract:
    """A subclass provides the fixture `shared`."""

    async def test_values_are_read_by_their_keys(self, shared: SharedStore) -> None:
        values = shared.first.values
        await values.set({"a": b"1", "b": bytes(range(256)), "c": b""}, KEEP)
        assert [*await shared.second.values.get(["b", "x", "c", "a", "a"])] == [
            bytes(range(256)),
            None,
            b"",
            b"1",
            b"1",
        ]
        await values.set({"a": b"2"}, KEEP)
        await values.delete(["b", "x"])
        assert [*await values.get(["a", "b"])] == [b"2", None]
        assert [*await values.get([])] == []

    async def test_a_value_expires(self, shared: SharedStore) -> None:
        values = shared.first.values
        await values.set({"a": b"1", "b": b"1", "c": b"1"}, shared.unit)
        await values.touch(["a", "x"], KEEP)
        assert [*await values.get(["b"], KEEP)] == [b"1"]
        await shared.wait(2)
        assert [*await values.get(["a", "b", "c", "x"])] == [b"1", b"1", None, None]

    async def test_a_value_is_swapped_for_one_that_is_expected(self, shared: SharedStore) -> None:
        values = shared.first.values
        assert await values.swap("a", None, b"1", KEEP)
        assert not await values.swap("a", None, b"2", KEEP)
        assert not await values.swap("a", b"2", b"3", KEEP)
        assert await values.swap("a", b"1", b"", shared.unit)
        assert not await values.swap("a", None, b"4", KEEP)
        assert [*await values.get(["a"])] == [b""]
        await shared.wait(2)
        assert not await values.swap("a", b"", b"5", KEEP)
        assert await values.swap("a", None, b"5", KEEP)

    async def test_of_many_that_swap_one_succeeds(self, shared: SharedStore) -> None:
        values = shared.first.values
        stores = [shared.first.values, shared.second.values] * 10
        results = await asyncio.gather(
            *(store.swap("a", None, b"%d" % number, KEEP) for number, store in enumerate(stores))
        )
        assert results.count(True) == 1
        assert [*await values.get(["a"])] == [b"%d" % results.index(True)]

    async def test_many_values_are_stored_at_once(self, shared: SharedStore) -> None:
        values, stored = shared.first.values, {f"k{number}": b"%d" % number for number in range(500)}
        await values.set(stored, KEEP)
        assert [*await values.get([*stored])] == [*stored.values()]
        await values.delete([*stored])
        assert {*await values.get([*stored])} == {None}
