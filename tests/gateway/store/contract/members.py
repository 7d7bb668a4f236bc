"""The contract of membership."""

import asyncio

from tests.gateway.store.contract.shared import SharedStore


class MemberContract:
    """What every store of leases does."""

    async def test_who_has_a_lease_is_alive(self, shared: SharedStore) -> None:
        ttl = 100 * shared.unit
        membership = await shared.first.members.renew("a", ttl, b"1\x00\xff")
        assert (membership.was_alive, membership.alive, membership.dead) == (False, {"a": b"1\x00\xff"}, frozenset())
        membership = await shared.second.members.renew("b", ttl, b"2")
        assert (membership.was_alive, membership.alive) == (False, {"a": b"1\x00\xff", "b": b"2"})
        membership = await shared.first.members.renew("a", ttl, b"3")
        assert (membership.was_alive, membership.alive) == (True, {"a": b"3", "b": b"2"})

    async def test_who_does_not_renew_is_dead_until_it_is_removed(self, shared: SharedStore) -> None:
        await shared.first.members.renew("a", 2 * shared.unit, b"")
        await shared.second.members.renew("b", 100 * shared.unit, b"")
        await shared.wait(3)
        for _ in range(2):
            membership = await shared.second.members.renew("b", 100 * shared.unit, b"")
            assert (membership.alive, membership.dead) == ({"b": b""}, frozenset({"a"}))
        await shared.second.members.remove("a")
        membership = await shared.second.members.renew("b", 100 * shared.unit, b"")
        assert (membership.alive, membership.dead) == ({"b": b""}, frozenset())

    async def test_who_comes_back_late_is_told(self, shared: SharedStore) -> None:
        await shared.first.members.renew("a", 2 * shared.unit, b"")
        await shared.wait(3)
        membership = await shared.first.members.renew("a", 100 * shared.unit, b"")
        assert (membership.was_alive, membership.alive, membership.dead) == (False, {"a": b""}, frozenset())
        assert (await shared.first.members.renew("a", 100 * shared.unit, b"")).was_alive

    async def test_a_lease_that_is_renewed_goes_on(self, shared: SharedStore) -> None:
        for _ in range(4):
            await shared.first.members.renew("a", 20 * shared.unit, b"")
            await shared.wait(1)
        assert "a" in (await shared.second.members.renew("b", 20 * shared.unit, b"")).alive

    async def test_who_was_removed_begins_again(self, shared: SharedStore) -> None:
        await shared.first.members.renew("a", 100 * shared.unit, b"")
        await shared.second.members.remove("a")
        await shared.second.members.remove("unknown")
        assert not (await shared.first.members.renew("a", 100 * shared.unit, b"")).was_alive

    async def test_many_renew_at_once(self, shared: SharedStore) -> None:
        stores = [shared.first, shared.second] * 20
        renewals = [store.members.renew(f"r{number}", 100 * shared.unit, b"i") for number, store in enumerate(stores)]
        await asyncio.gather(*renewals)
        assert len((await shared.first.members.renew("r0", 100 * shared.unit, b"i")).alive) == 40
