"""Tickets of several gateways: used once, wherever; and what a used one still reads."""

import asyncio

import pytest

from gateway.protocol.errors import Code, Refused
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.values.tickets import START_SECONDS, SharedTickets
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.authenticator import ApiKeyScheme, Authenticator
from gateway.security.principals import GenerationScope, Principal
from gateway.security.tickets import (
    MAX_UNUSED_PER_PRINCIPAL,
    TICKET_SECONDS,
    ReadAccess,
    TicketScope,
    TicketStore,
    TicketUse,
    invalid_ticket,
)
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.replicas.deployment import deployment
from tests.gateway.security.test_tickets import ALICE, BOB, NO_ORIGIN, ONE_GENERATION, Use
from tests.gateway.store.faulty_store import FaultyStore
from tests.manual_clock import ManualClock

READ, RESUME = ReadAccess("g"), ReadAccess("g", resume=True)


class AnyGateway(TicketStore):
    """The tickets of two gateways, of which each is asked in turn; their clock follows the times that are given."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        store = MemoryStore(self.clock)
        self.gateways = [SharedTickets(store.values, store.quotas, self.clock) for _ in range(2)]

    def next(self, unix: float | None = None) -> SharedTickets:
        self.gateways.reverse()
        if unix is not None:
            self.clock.pause(unix + 1000 - self.clock.now())
        return self.gateways[0]

    def issue(self, principal: Principal, scope: TicketScope, origin: str, unix: float) -> str:
        return asyncio.run(self.next(unix).issue(principal, scope, origin, unix))

    def redeem(self, text: str, use: TicketUse, origin: str, unix: float) -> Principal:
        return asyncio.run(self.next(unix).redeem(text, use, origin, unix))

    def record_start(self, text: str, generation_id: str) -> None:
        asyncio.run(self.next().record_start(text, generation_id))

    def restore(self, text: str) -> None:
        asyncio.run(self.next().restore(text, self.clock.now() - 1000))


class UseAnywhere(Use):
    """Random uses of random tickets, each on the other gateway: they allow the same as those of one process."""

    def __init__(self) -> None:
        super().__init__()
        self.store = AnyGateway()


TestUseAnywhere = UseAnywhere.TestCase


def shared_tickets(count: int = 2) -> tuple[ManualClock, FaultyStore, list[SharedTickets]]:
    clock = ManualClock()
    store = FaultyStore(MemoryStore(clock))
    return clock, store, [SharedTickets(store.values, store.quotas, clock) for _ in range(count)]


async def test_of_many_uses_at_once_one_succeeds() -> None:
    _, _, gateways = shared_tickets(10)
    uses: list[tuple[TicketScope, TicketUse]] = [("start", "start"), ("socket", "socket"), (ONE_GENERATION, READ)]
    for scope, use in uses:
        text = await gateways[0].issue(ALICE, scope, NO_ORIGIN, 0)
        results = await asyncio.gather(
            *(gateway.redeem(text, use, NO_ORIGIN, 0) for gateway in gateways), return_exceptions=True
        )
        assert [isinstance(result, Principal) for result in results].count(True) == 1
        for result in results:
            if isinstance(result, Refused):
                assert result.body() == invalid_ticket().body()


async def test_a_second_start_with_a_ticket_waits_for_the_first_and_reads_what_it_started() -> None:
    clock, _, (first, _) = shared_tickets()
    text = await first.issue(ALICE, "start", NO_ORIGIN, 0)
    assert await first.redeem(text, "start", NO_ORIGIN, 0) == ALICE
    second = asyncio.create_task(first.redeem(text, "start", NO_ORIGIN, 0))
    await settle()
    await first.record_start(text, "g")
    assert (await second).generation_scope == GenerationScope("g")
    text = await first.issue(ALICE, "start", NO_ORIGIN, 0)
    await first.redeem(text, "start", NO_ORIGIN, 0)
    # One that was cancelled is waited for only so long.
    second = asyncio.create_task(first.redeem(text, "start", NO_ORIGIN, 0))
    await settle()
    clock.advance(START_SECONDS)
    with pytest.raises(Refused):
        await second


async def test_a_used_ticket_reads_its_generation_everywhere_while_it_is_used() -> None:
    clock, _, (first, second) = shared_tickets()
    text = await first.issue(ALICE, "start", NO_ORIGIN, 0)
    assert await second.redeem(text, "start", NO_ORIGIN, 0) == ALICE
    await second.record_start(text, "g")
    for _ in range(3):
        clock.pause(3000)
        assert await first.redeem(text, RESUME, NO_ORIGIN, 0) == ALICE.restricted_to(GenerationScope("g"))
    clock.pause(3600)
    with pytest.raises(Refused):
        await first.redeem(text, RESUME, NO_ORIGIN, 0)


async def test_the_oldest_unused_ticket_of_a_principal_makes_room_and_a_used_one_does_not() -> None:
    _, store, (first, second) = shared_tickets()
    used, oldest = [await first.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0) for _ in range(2)]
    bobs = await first.issue(BOB, ONE_GENERATION, NO_ORIGIN, 0)
    await first.redeem(used, READ, NO_ORIGIN, 0)
    for _ in range(MAX_UNUSED_PER_PRINCIPAL):
        await second.issue(ALICE, ONE_GENERATION, NO_ORIGIN, 0)
    with pytest.raises(Refused):
        await first.redeem(oldest, READ, NO_ORIGIN, 0)
    await first.redeem(bobs, READ, NO_ORIGIN, 0)
    await second.redeem(used, RESUME, NO_ORIGIN, 0)
    assert isinstance(store.inner, MemoryStore)
    assert used not in repr(store.inner.values.__dict__)


async def test_without_the_store_a_ticket_is_refused_and_not_used_up() -> None:
    _, store, (first, second) = shared_tickets()
    text = await first.issue(ALICE, "start", NO_ORIGIN, 0)
    store.faults.fail("values")
    for use in (first.issue(ALICE, "start", NO_ORIGIN, 0), first.redeem(text, "start", NO_ORIGIN, 0)):
        with pytest.raises(Refused) as refused:
            await use
        assert (refused.value.code, refused.value.status) == (Code.SERVER_ERROR, 503)
    await first.record_start(text, "g")
    await first.restore(text, 0)
    store.faults.heal()
    assert await second.redeem(text, "start", NO_ORIGIN, 0) == ALICE


async def test_a_gateway_that_goes_on_alone_issues_tickets_of_its_own() -> None:
    clock = ManualClock()
    store = FaultyStore(MemoryStore(clock))
    tickets = SharedTickets(store.values, store.quotas, clock, TicketStore())
    shared = await tickets.issue(ALICE, "start", NO_ORIGIN, 0)
    store.faults.fail()
    own = await tickets.issue(ALICE, "start", NO_ORIGIN, 0)
    assert await tickets.redeem(own, "start", NO_ORIGIN, 0) == ALICE
    await tickets.restore(own, 0)
    assert await tickets.redeem(own, "start", NO_ORIGIN, 0) == ALICE
    await tickets.record_start(own, "g")
    store.faults.heal()
    assert await tickets.redeem(own, RESUME, NO_ORIGIN, 0) == ALICE.restricted_to(GenerationScope("g"))
    assert await tickets.redeem(shared, "start", NO_ORIGIN, 0) == ALICE
    await tickets.restore(shared, TICKET_SECONDS)
    with pytest.raises(Refused):
        await tickets.redeem(shared, "start", NO_ORIGIN, 0)


@pytest.mark.parametrize("policy", [ReplicaPolicy(), ReplicaPolicy(store_down="local")])
async def test_gateways_of_a_deployment_share_tickets(policy: ReplicaPolicy) -> None:
    async with deployment(policy=policy) as shared:
        first, second = (gateway.replica.shared.tickets for gateway in shared.gateways)
        text = await first.issue(ALICE, "start", NO_ORIGIN, 0)
        assert await second.redeem(text, "start", NO_ORIGIN, 0) == ALICE
        with pytest.raises(Refused):
            await first.redeem(text, "start", NO_ORIGIN, 0)


async def test_a_ticket_whose_key_is_revoked_is_refused_each_time_at_once() -> None:
    clock, _, (shared,) = shared_tickets(1)
    key = generate_key()
    authenticator = Authenticator([ApiKeyScheme([StoredKey("alice", key.id, hash_secret(key.secret))])], clock.unix)
    authenticator.tickets = shared
    ticket, _ = await authenticator.issue_ticket(await authenticator.verify_credential(key.text()), "start", "")
    authenticator.replace_schemes([ApiKeyScheme([])])
    for _ in range(2):
        async with asyncio.timeout(1):
            with pytest.raises(Refused) as refused:
                await authenticator.redeem_ticket(ticket, "start", "")
        assert refused.value.message == invalid_ticket().message
