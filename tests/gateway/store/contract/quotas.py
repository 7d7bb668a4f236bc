"""What quotas must do."""

import asyncio

from tests.gateway.store.contract.shared import SharedStore

KEEP = 60.0


class QuotasContract:
    """A subclass provides the fixture `shared`."""

    async def test_the_oldest_make_room(self, shared: SharedStore) -> None:
        quotas = shared.first.quotas
        for name in ("a", "b", "c"):
            assert [*await quotas.add("o", {name: 3}, limit=10, keep=KEEP)] == []
        assert [*await quotas.add("o", {"d": 6}, limit=10, keep=KEEP)] == ["a", "b"]
        assert [*await quotas.newest("o", 10)] == ["d", "c"]
        assert [*await quotas.newest("o", 1)] == ["d"]
        assert [*await quotas.newest("other", 1)] == []

    async def test_what_is_too_large_is_dropped_itself(self, shared: SharedStore) -> None:
        quotas = shared.first.quotas
        await quotas.add("o", {"a": 3}, limit=10, keep=KEEP)
        assert [*await quotas.add("o", {"b": 11}, limit=10, keep=KEEP)] == ["a", "b"]
        assert [*await quotas.newest("o", 10)] == []
        assert [*await quotas.add("o", {"a": 10}, limit=10, keep=KEEP)] == []

    async def test_a_name_that_is_known_gets_another_size_and_is_the_newest_again(self, shared: SharedStore) -> None:
        quotas = shared.first.quotas
        await quotas.add("o", {"a": 1, "b": 1, "c": 1}, limit=10, keep=KEEP)
        assert [*await quotas.newest("o", 10)] == ["c", "b", "a"]
        assert [*await quotas.add("o", {"a": 8}, limit=10, keep=KEEP)] == []
        assert [*await quotas.newest("o", 10)] == ["a", "c", "b"]
        assert [*await quotas.add("o", {"d": 1, "e": 1}, limit=10, keep=KEEP)] == ["b", "c"]

    async def test_what_is_removed_or_has_expired_takes_no_room(self, shared: SharedStore) -> None:
        quotas = shared.first.quotas
        await quotas.add("o", {"a": 10}, limit=10, keep=KEEP)
        await quotas.remove("o", ["a", "x"])
        assert [*await quotas.add("o", {"b": 10}, limit=10, keep=shared.unit)] == []
        await shared.wait(2)
        assert [*await quotas.add("o", {"c": 10}, limit=10, keep=shared.unit)] == []
        assert [*await quotas.newest("o", 10)] == ["c"]

    async def test_owners_have_their_own(self, shared: SharedStore) -> None:
        quotas = shared.first.quotas
        added = await asyncio.gather(
            *(quotas.add(f"owner {number}", {"a": 10}, limit=10, keep=KEEP) for number in range(20))
        )
        assert [*map(list, added)] == [[]] * 20
