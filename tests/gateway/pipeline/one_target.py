"""A hub with one model and one target, moved by hand: the clock, and the upstream step by step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.admission.prompts import PromptMemory
from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.dialects.sent_request import SentRequest
from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.protocol.commands import FeedbackRequest, InterruptRequest, StartRequest
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Retry
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.replica import Replica
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.security.principals import anonymous
from gateway.upstreams.base import Finished, VerbatimRequest
from tests.event_loop import settle
from tests.event_types import event_types
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.shared_store import shared_store
from tests.start_requests import ANONYMOUS, start_request

LIMITS = Limits(queue_timeout=30, first_token_timeout=60, stall_timeout=20, usage_timeout=5)


@dataclass
class OneTarget:
    """The hub and what moves it."""

    hub: Hub
    clock: ManualClock
    upstream: ScriptedUpstream
    target: Target
    replica: Replica | None = None
    """This gateway as one of a deployment, with the store of the test run."""
    _writes: set[asyncio.Future[None]] = field(default_factory=set)

    def start(
        self,
        request: StartRequest | None = None,
        principal: str = "",
        idempotency_key: str | None = None,
        verbatim: VerbatimRequest | None = None,
        sent: SentRequest | None = None,
    ) -> Generation:
        """Start a generation."""
        generation = self.hub.start(
            request or start_request(),
            request_id="r",
            principal=anonymous(principal),
            idempotency_key=idempotency_key,
            verbatim=verbatim,
            sent=sent,
        )
        if self.replica is not None:
            self._writes.add(asyncio.ensure_future(self.replica.add(generation)))
        return generation

    async def streaming(self, request: StartRequest | None = None) -> Generation:
        """Start a generation, and send its first chunk."""
        generation = self.start(request)
        await settle()
        self.upstream.last.send("Once upon ")
        await settle()
        assert generation.state is State.STREAMING
        return generation

    def assert_nothing_left(self) -> None:
        """Assert that no slot is taken, no prompt held, nothing runs, and no call is open."""
        assert self.hub.slots.running == self.hub.slots.queued == 0
        assert self.hub.running == self.hub.prompts.used == 0
        assert self.upstream.open_calls == 0


@asynccontextmanager
async def one_target(
    *,
    slots: int = 0,
    queue: int = 0,
    auto_accept: bool = True,
    retention_policy: RetentionPolicy | None = None,
    limits: Limits = LIMITS,
    attempts: int = 1,
    breaker: int = 0,
    rate_limits: RateLimits | None = None,
    prompts: PromptMemory | None = None,
) -> AsyncIterator[OneTarget]:
    """Yield the harness; then close the hub and assert that nothing is left. `auto_accept`: headers come at once."""
    clock, upstream = ManualClock(), ScriptedUpstream(auto_accept=auto_accept)
    target = Target(upstream, limits=limits, breaker=Breaker(breaker, cooldown=10))
    policy = Policy(limits, Backoff(attempts, retry_base=1, retry_longest=8, retry_within=60), random=lambda: 1.0)
    hub = Hub(
        ModelRegistry([Model("m", [target], policy)]),
        Slots(slots, queue),
        clock,
        rate_limits=rate_limits,
        prompts=prompts,
        retention_policy=retention_policy,
    )
    others = asyncio.all_tasks()
    store = shared_store(clock)
    replica = None if store is None else Replica(store, hub, clock, ReplicaPolicy())
    if replica is not None:
        await replica.start()
    harness = OneTarget(hub, clock, upstream, target, replica)
    yield harness
    await hub.close()
    if replica is not None:
        await asyncio.gather(*harness._writes)
        await replica.close()
    await settle()
    harness.assert_nothing_left()
    assert clock.pending == 0
    assert asyncio.all_tasks() == others


def failure(code: Code = Code.SERVER_ERROR, retry_after_ms: int | None = None) -> Failed:
    """Return a failure of an upstream."""
    return Failed(code, "no", retry_after_ms=retry_after_ms)


def retry_delays(generation: Generation) -> list[tuple[str, int]]:
    """Return code and delay in ms of each retry."""
    return [(e.event.code, e.event.delay_ms) for e in generation.log.since(0) if isinstance(e.event, Retry)]


def interrupt(harness: OneTarget, generation: Generation) -> None:
    harness.hub.interrupt(generation.id, InterruptRequest(reason="enough"), harness.clock.now(), ANONYMOUS)


async def to_queued(harness: OneTarget) -> Generation:
    harness.start()
    await settle()
    generation = harness.start()
    await settle()
    assert generation.state is State.QUEUED
    return generation


async def to_connecting(harness: OneTarget) -> Generation:
    generation = harness.start()
    await settle()
    assert generation.state is State.CONNECTING
    return generation


async def to_waiting(harness: OneTarget) -> Generation:
    generation = await to_connecting(harness)
    harness.upstream.last.accept()
    await settle()
    assert generation.state is State.WAITING
    return generation


async def to_streaming(harness: OneTarget) -> Generation:
    generation = await to_waiting(harness)
    harness.upstream.last.send("Once ")
    await settle()
    assert generation.state is State.STREAMING
    return generation


async def to_revising(harness: OneTarget) -> Generation:
    generation = await to_streaming(harness)
    harness.hub.feedback(generation.id, FeedbackRequest(text="shorter"), harness.clock.now(), ANONYMOUS)
    assert generation.state is State.REVISING
    return generation


async def to_not_started(harness: OneTarget) -> Generation:
    return harness.start()


async def to_ending(harness: OneTarget) -> Generation:
    generation = await to_streaming(harness)
    harness.upstream.last.send(Finished("stop"))
    await settle()
    return generation


async def to_retrying(harness: OneTarget) -> Generation:
    generation = await to_connecting(harness)
    harness.upstream.last.refuse(Failed(Code.SERVER_ERROR, "no"))
    await settle()
    assert event_types(generation.log)[-1] == "retry"
    return generation
