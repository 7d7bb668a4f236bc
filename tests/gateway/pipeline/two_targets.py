"""A hub with one model and two targets, `a` and `b`, moved by hand: the clock, and each upstream step by step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.admission.slots import Slots
from gateway.billing.budgets import Budgets
from gateway.billing.prices import Price
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub
from gateway.protocol.commands import InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Usage
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.security.principals import anonymous
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS, start_request

LIMITS = Limits(queue_timeout=30, first_token_timeout=60, stall_timeout=20, usage_timeout=5)
SERVER_ERROR = Failed(Code.SERVER_ERROR, "no")
TRUNCATED = Failed(Code.TRUNCATED, "cut")
DOLLAR_PER_TOKEN = Price(input=0, cached=0, output=1_000_000)
"""One US dollar for each output token."""

RACE = Policy(hedge=0.5)
FAILOVER = Policy(failover=True)


class NamedUpstream(ScriptedUpstream):
    """An upstream whose calls wait for their headers."""

    def __init__(self, name: str) -> None:
        super().__init__(auto_accept=False)
        self.name = name


@dataclass
class TwoTargets:
    """The hub and what moves it."""

    hub: Hub
    clock: ManualClock
    a: NamedUpstream
    b: NamedUpstream
    targets: list[Target]

    async def start(self, request: StartRequest | None = None, principal: str = "") -> Generation:
        """Start a generation."""
        generation = self.hub.start(request or start_request(), request_id="r", principal=anonymous(principal))
        await settle()
        return generation

    async def accept(self, *upstreams: NamedUpstream) -> None:
        """Send the headers of the latest call of each upstream."""
        for upstream in upstreams:
            upstream.last.accept()
        await settle()

    async def send(self, upstream: NamedUpstream, *text: str) -> None:
        """Send chunks of the latest call, as one read."""
        upstream.last.send(*text)
        await settle()

    async def refuse(self, upstream: NamedUpstream, failure: Failed = SERVER_ERROR) -> None:
        """Fail the latest call before its headers."""
        upstream.last.refuse(failure)
        await settle()

    async def fail(self, upstream: NamedUpstream, failure: Failed = TRUNCATED) -> None:
        """Fail the latest call after its headers."""
        upstream.last.fail(failure)
        await settle()

    async def finish(self, upstream: NamedUpstream, usage: Usage | None = None) -> None:
        """End the answer of the latest call."""
        upstream.last.finish(usage=usage)
        await settle()

    async def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.clock.advance(seconds)
        await settle()


@asynccontextmanager
async def two_targets(
    policy: Policy | None = None, *, price: Price | None = None, budget: float = 0
) -> AsyncIterator[TwoTargets]:
    """Yield the harness; then close the hub and assert that nothing is left."""
    clock, upstreams = ManualClock(), [NamedUpstream("a"), NamedUpstream("b")]
    policy = replace(
        policy or Policy(),
        limits=LIMITS,
        backoff=Backoff(4, retry_base=1, retry_longest=8, retry_within=60),
        random=lambda: 1.0,
    )
    targets = [
        Target(upstream, f"{upstream.name}-model", price=price, limits=LIMITS, breaker=Breaker(0))
        for upstream in upstreams
    ]
    hub = Hub(ModelRegistry([Model("m", targets, policy)]), Slots(0, 0), clock, budgets=Budgets(budget))
    others = asyncio.all_tasks()
    yield TwoTargets(hub, clock, upstreams[0], upstreams[1], targets)
    await hub.close()
    await settle()
    assert hub.slots.running == hub.running == 0
    assert [upstream.open_calls for upstream in upstreams] == [0, 0]
    assert [target.running for target in targets] == [0, 0]
    assert clock.pending == 0
    assert asyncio.all_tasks() == others


async def start_race(harness: TwoTargets) -> Generation:
    """Start a generation whose first call is accepted and slow, so that `b` is called too."""
    generation = await harness.start()
    await harness.accept(harness.a)
    await harness.advance(0.5)
    return generation


async def start_and_break_off(
    harness: TwoTargets, *, native: bool, text: str = "Once upon ", request: StartRequest | None = None
) -> Generation:
    """Start a generation whose call to `a` fails after some text; `native`: `b` can continue it."""
    harness.b.native = native
    generation = await harness.start(request)
    await harness.accept(harness.a)
    await harness.send(harness.a, text)
    await harness.fail(harness.a)
    return generation


def interrupt(harness: TwoTargets, generation: Generation) -> None:
    harness.hub.interrupt(generation.id, InterruptRequest(), harness.clock.now(), ANONYMOUS)
