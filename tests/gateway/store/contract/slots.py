"""What slots and their queue must do."""

from dataclasses import dataclass, field
from itertools import count

from gateway.admission.slots import SlotState
from gateway.store.slots import SlotAnswer, SlotClaim, SlotLimits, SlotStore
from tests.gateway.store.contract.shared import SharedStore

TTL = 60.0


@dataclass
class Gateway:
    """A gateway that claims slots under limits of its own deployment."""

    store: SlotStore
    limits: SlotLimits
    name: str = "r1"
    ttl: float = TTL
    wakes: set[str] = field(default_factory=set)
    """Gateways that were to be woken."""
    _numbers: "count[int]" = field(default_factory=count)

    async def claim(
        self, principal: str = "a", max_concurrent: int = 0, *, may_wait: bool = True
    ) -> tuple[str, SlotAnswer]:
        """Claim a slot for a new generation."""
        generation_id = f"{self.name}-{next(self._numbers)}"
        claim = SlotClaim(generation_id, principal, max_concurrent)
        answer = await self.store.claim(self.name, claim, self.limits, self.ttl, may_wait=may_wait)
        self.wakes |= answer.wakes
        return generation_id, answer

    async def queue(self, *principals: str, max_concurrent: int = 0) -> list[str]:
        """Claim slots for new generations; return their ids."""
        return [(await self.claim(principal, max_concurrent))[0] for principal in principals]

    async def release(self, *generation_ids: str) -> None:
        """Release slots."""
        self.wakes |= await self.store.release(self.name, generation_ids, self.limits)

    async def positions(self) -> dict[str, int]:
        """Return the positions of what waits, in their order."""
        view = await self.store.look(self.name, self.limits, self.ttl, ())
        return dict(sorted(view.positions.items(), key=lambda item: item[1]))

    async def running(self) -> list[str]:
        """Return the ids of the generations that have slots."""
        held = await self.store.held(self.name)
        return sorted(name for name, state in held.items() if state is SlotState.RUNNING)


def gateways(shared: SharedStore, max_concurrent: int = 1, max_queue: int = 0) -> tuple[Gateway, Gateway]:
    """Return two gateways of one deployment."""
    limits = SlotLimits(max_concurrent, max_queue)
    return Gateway(shared.first.slots, limits), Gateway(shared.second.slots, limits, "r2")


class SlotContract:
    """A subclass provides the fixture `shared`."""

    async def test_claims_run_up_to_the_limit_then_wait_then_are_refused(self, shared: SharedStore) -> None:
        first, second = gateways(shared, 2, 1)
        answers = [(await gateway.claim())[1] for gateway in (first, second, first)]
        assert [(answer.state, answer.position, answer.queued) for answer in answers] == [
            (SlotState.RUNNING, 0, 0),
            (SlotState.RUNNING, 0, 0),
            (SlotState.WAITING, 1, 1),
        ]
        refused = (await second.claim())[1]
        assert (refused.state, refused.queued) == (None, 1)
        await second.release("r2-0")
        assert first.wakes | second.wakes == {"r1"}
        assert await first.running() == ["r1-0", "r1-1"]
        assert await second.running() == []

    async def test_a_claim_that_may_not_wait_changes_nothing_without_a_free_slot(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        assert (await first.claim(may_wait=False))[1].state is SlotState.RUNNING
        assert (await second.claim(may_wait=False))[1] == SlotAnswer(None)
        assert await shared.first.slots.held("r2") == {}

    async def test_a_claim_that_is_repeated_is_one(self, shared: SharedStore) -> None:
        first, _ = gateways(shared)
        claims = [SlotClaim("g1", "a"), SlotClaim("g2", "a"), SlotClaim("g1", "a"), SlotClaim("g2", "a")]
        states = [(await first.store.claim("r1", claim, first.limits, TTL, may_wait=True)).state for claim in claims]
        assert states == [SlotState.RUNNING, SlotState.WAITING] * 2
        assert len(await first.store.held("r1")) == 2

    async def test_principals_take_turns(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        running, *busy = await first.queue("busy", *["busy"] * 3)
        (quiet,) = await second.queue("quiet")
        (late,) = await first.queue("late")
        assert [*await first.positions()] == [busy[0], late, busy[1], busy[2]]
        assert await second.positions() == {quiet: 2}
        for expected in (busy[0], quiet, late, busy[1], busy[2]):
            holder = first if running.startswith("r1") else second
            await holder.release(running)
            assert [*await first.running(), *await second.running()] == [expected]
            running = expected

    async def test_a_principals_own_limit_lets_others_pass(self, shared: SharedStore) -> None:
        first, second = gateways(shared, 0)
        few = await first.queue("few", "few", max_concurrent=1)
        assert (await second.claim("few", 1))[1].position == 2
        assert (await second.claim("other"))[1].state is SlotState.RUNNING
        await first.release(few[0])
        assert await first.running() == [few[1]]
        await first.release(few[1])
        assert await second.running() == ["r2-0", "r2-1"]

    async def test_a_limited_principal_keeps_its_turn(self, shared: SharedStore) -> None:
        first, _ = gateways(shared, 2)
        running = await first.queue("few", "b", max_concurrent=1)
        waiting = await first.queue("few", "c", max_concurrent=1)
        assert [*await first.positions()] == waiting
        await first.release(running[1])
        assert await first.running() == sorted([running[0], waiting[1]])
        await first.release(running[0])
        assert await first.running() == sorted(waiting)

    async def test_the_newest_of_the_greediest_is_evicted(self, shared: SharedStore) -> None:
        first, second = gateways(shared, 1, 3)
        await first.queue("busy", *["busy"] * 3)
        assert (await second.claim("quiet"))[1].position == 2
        assert second.wakes == {"r1"}
        view = await first.store.look("r1", first.limits, TTL, ())
        assert view.changed == {"r1-3": SlotState.EVICTED}
        assert (view.count, view.queued) == (3, 3)
        assert (await second.claim("quiet"))[1].state is None
        assert (await first.store.look("r1", first.limits, TTL, ["r1-3"])).changed == {}

    async def test_changes_are_shown_until_they_are_acknowledged(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await first.queue("a")
        await second.queue("b")
        await first.release("r1-0")
        for _ in range(2):
            view = await second.store.look("r2", second.limits, TTL, ())
            assert view.changed == {"r2-0": SlotState.RUNNING}
        assert (await second.store.look("r2", second.limits, TTL, ["r2-0"])).changed == {}
        assert await second.running() == ["r2-0"]

    async def test_leaving_the_queue_moves_the_others(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await first.queue("a", "b", "b")
        (stays,) = await second.queue("c")
        assert await second.positions() == {stays: 2}
        await first.release("r1-1", "r1-2", "unknown")
        assert await second.positions() == {stays: 1}

    async def test_how_long_slots_are_held_is_averaged(self, shared: SharedStore) -> None:
        first, _ = gateways(shared)
        await first.queue("a", "a")
        assert (await first.claim())[1].mean is None
        await shared.wait(1)
        await first.release("r1-0")
        mean = (await first.claim())[1].mean
        assert mean is not None
        assert shared.unit * 0.9 < mean < shared.unit * 5

    async def test_the_claims_of_a_gateway_that_is_gone_are_released(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await first.queue("a", "a")
        await second.queue("b")
        assert await second.store.drop("r1", second.limits) == {"r2"}
        assert await second.running() == ["r2-0"]
        assert await second.store.held("r1") == {}

    async def test_a_lease_that_runs_out_releases_claims(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        first.ttl = shared.unit
        await first.queue("a")
        await second.queue("b")
        await first.positions()
        await shared.wait(2)
        view = await second.store.look("r2", second.limits, TTL, ())
        assert view.changed == {"r2-0": SlotState.RUNNING}
        assert (await first.store.look("r1", first.limits, TTL, ())).count == 0

    async def test_claims_are_restored_beyond_the_limits(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await second.queue("b", "b")
        running, waiting = [SlotClaim("g1", "a"), SlotClaim("g2", "a")], [SlotClaim("g3", "a"), SlotClaim("g4", "a")]
        for _ in range(2):
            await first.store.restore("r1", running, waiting, first.limits, TTL)
        assert await first.running() == ["g1", "g2"]
        assert await first.positions() == {"g3": 2, "g4": 3}
        await second.release("r2-0")
        await first.release("g1")
        assert await second.running() == []
        await first.release("g2")
        assert await second.running() == ["r2-1"]

    async def test_a_waiting_claim_is_restored_as_running(self, shared: SharedStore) -> None:
        first, _ = gateways(shared)
        await first.queue("a", "a")
        await first.store.restore("r1", [SlotClaim("r1-1", "a")], (), first.limits, TTL)
        assert await first.running() == ["r1-0", "r1-1"]
        assert (await first.store.look("r1", first.limits, TTL, ())).queued == 0

    async def test_after_a_loss_nothing_is_granted_for_a_while(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await first.store.restore("r1", (), [SlotClaim("g1", "a")], first.limits, TTL, settle=shared.unit)
        assert (await second.claim("b"))[1].position == 2
        await second.store.restore("r2", [SlotClaim("g2", "b")], (), first.limits, TTL, settle=shared.unit)
        await shared.wait(2)
        assert await first.positions() == {"g1": 1}
        await second.release("g2")
        assert await first.running() == ["g1"]

    async def test_a_higher_limit_applies_at_the_next_look(self, shared: SharedStore) -> None:
        first, _ = gateways(shared)
        await first.queue("a", "a", "a")
        first.limits = SlotLimits(2)
        assert await first.positions() == {"r1-2": 1}
        assert await first.running() == ["r1-0", "r1-1"]

    async def test_principals_may_have_any_name(self, shared: SharedStore) -> None:
        first, _ = gateways(shared)
        names = ["", " ", "a|b", "{x}", "é\n", "\x00", "a" * 300]
        waiting = (await first.queue("first", *names))[1:]
        assert [*await first.positions()] == waiting

    async def test_positions_in_a_long_queue(self, shared: SharedStore) -> None:
        first, second = gateways(shared)
        await first.queue("a")
        own = await first.queue(*(f"p{number % 7}" for number in range(70)))
        (late,) = await second.queue("late")
        found = await first.positions()
        assert sorted([*found.values(), *(await second.positions()).values()]) == [*range(1, 72)]
        assert [*found][:7] == own[:7]
        assert await second.positions() == {late: 8}
        view = await first.store.look("r1", first.limits, TTL, (), with_positions=False)
        assert (view.positions, view.count, view.queued) == ({}, 71, 71)
