"""What keys are used for, and when: kept by the store beyond the process that has counted it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.app.key_activity import SHARE_SECONDS, KeyActivity
from gateway.app.key_upkeep import KeyUpkeep
from gateway.app.key_watch import KeyWatch
from gateway.app.reload import Reloader
from gateway.billing.budgets import DAY
from gateway.billing.daily_use import NO_USE
from gateway.security.authenticator import ApiKeyScheme, Authenticator
from gateway.security.principals import Principal
from tests.event_loop import settle
from tests.gateway.replicas.deployment import Deployment, Gateway, deployment
from tests.served.clients import KEYS, stored_key

ALICE = stored_key("alice")
ID = ALICE.principal().id


class CountingGateway:
    """A gateway whose key activity is counted."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.authenticator = Authenticator([ApiKeyScheme([ALICE])], gateway.clock.unix)
        self.activity = KeyActivity(self.authenticator, gateway.clock, gateway.replica)
        gateway.hub.on_end.append(self.activity.on_end)

    async def answer(self, principal: Principal) -> None:
        await self.gateway.start(principal=principal)
        self.gateway.send("Hello")
        self.gateway.upstream.last.finish()
        await settle()

    async def requests(self) -> int:
        return (await self.activity.use([ID]))[ID].requests


@asynccontextmanager
async def counted(count: int = 2) -> AsyncIterator[tuple[Deployment, list[CountingGateway]]]:
    async with deployment(count) as shared:
        yield shared, [CountingGateway(gateway) for gateway in shared.gateways]


async def test_what_a_gateway_has_counted_is_there_when_it_has_ended() -> None:
    async with counted() as (shared, (first, second)):
        await first.answer(ALICE.principal())
        await first.authenticator.authenticate(KEYS["alice"].text(), "10.0.0.1")
        await first.answer(Principal("someone", "token"))
        assert await first.requests() == 1
        assert await second.requests() == 1
        await first.activity.share()
        first.gateway.kill()
        await second.answer(ALICE.principal())
        assert await second.requests() == 2
        assert await second.activity.last_used([ALICE]) == {ALICE.id: shared.clock.unix()}
        shared.clock.pause(DAY)
        assert (await second.activity.use([ID]))[ID] == NO_USE


async def test_it_is_recorded_by_and_by_and_at_the_end() -> None:
    async with counted() as (shared, (first, second)):
        reloader = Reloader.__new__(Reloader)
        upkeep = KeyUpkeep(KeyWatch(reloader, shared.clock), first.activity, shared.clock)
        upkeep._supervisor.start("key activity", first.activity.run)
        await first.answer(ALICE.principal())
        await settle()
        await shared.advance(SHARE_SECONDS + 1, step=1)
        first.gateway.faults.fail("budgets")
        assert await second.requests() == 1
        await first.answer(ALICE.principal())
        # Without the store, what was counted here is known.
        assert await first.requests() == 2
        await first.activity.share()
        first.gateway.faults.heal()
        await upkeep.close()
        assert await second.requests() == 2


async def test_without_a_store_it_is_known_since_the_start() -> None:
    async with counted(1) as (_, (only,)):
        activity = KeyActivity(only.authenticator, only.gateway.clock, None)
        assert not activity.is_shared
        only.gateway.hub.on_end.append(activity.on_end)
        assert await activity.last_used([ALICE]) == {}
        await only.authenticator.authenticate(KEYS["alice"].text(), "10.0.0.1")
        await only.answer(ALICE.principal())
        await activity.share()
        assert await activity.last_used([ALICE]) == {ALICE.id: only.gateway.clock.unix()}
        assert (await activity.use([ID]))[ID].requests == 1
