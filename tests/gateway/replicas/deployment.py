"""Several gateways that share a store in memory, moved by hand: the clock, and each one's upstream step by step."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.admission.rate_limits import RateLimits
from gateway.admission.slots import Slots
from gateway.generation.event_log import merge
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub, RetentionPolicy
from gateway.protocol.commands import StartRequest
from gateway.protocol.events import Event
from gateway.replicas.generations import Generations
from gateway.replicas.membership.configuration import Configuration, Digests
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.replica import Replica
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.security.principals import Principal
from gateway.store.base import Store
from gateway.store.memory import MemoryStore
from tests.event_loop import settle
from tests.gateway.store.faulty_store import Faults, FaultyStore
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.start_requests import ANONYMOUS, start_request


@dataclass
class Gateway:
    """One of the gateways."""

    hub: Hub
    replica: Replica
    generations: Generations
    upstream: ScriptedUpstream
    clock: ManualClock
    store: FaultyStore
    is_dead: bool = False

    @property
    def faults(self) -> Faults:
        """Return what happens to this gateway's calls of the store."""
        return self.store.faults

    async def start(
        self, request: StartRequest | None = None, principal: Principal = ANONYMOUS, key: str | None = None
    ) -> Generation:
        """Start a generation here."""
        generation = await self.generations.start(
            request or start_request(), request_id="r", principal=principal, idempotency_key=key
        )
        await settle()
        return generation

    async def streaming(self, *texts: str) -> Generation:
        """Start a generation here, and send its first chunks."""
        generation = await self.start()
        self.send(*(texts or ("Once upon ",)))
        await settle()
        return generation

    def send(self, *texts: str) -> None:
        """Send chunks of the newest answer, each in a read of its own."""
        for text in texts:
            self.upstream.last.send(text)

    async def find(self, generation: Generation, after: int = 0) -> Generation:
        """Return a generation as this gateway serves it."""
        return await self.generations.find(generation.id, ANONYMOUS, after)

    def kill(self) -> None:
        """Stop all its tasks that renew, write, read and send, as if its process had been killed."""
        self.is_dead = True
        stop(self.replica)

    async def go_on(self) -> None:
        """Start its tasks again, as if its process had only been paused."""
        self.is_dead = False
        self.replica.writer.resume()
        self.replica.start_tasks()
        # Its timers are overdue.
        self.replica.ownership.renew_soon()
        await settle()


def stop(replica: Replica) -> None:
    """Stop all by which the other gateways notice that one is alive: what it appends from now on is not stored."""
    replica.supervisor.cancel()
    replica.ownership.close()
    replica.writer.pause()


@dataclass(frozen=True)
class Limits:
    """Limits of a deployment; 0 means no limit. `rates`: starts a minute, their burst, and output tokens a minute."""

    max_concurrent: int = 0
    max_queue: int = 0
    rates: tuple[int, int, int] = (0, 0, 0)
    policy: Policy = field(default_factory=Policy)


@dataclass
class Deployment:
    """The gateways, their store and their clock."""

    gateways: list[Gateway]
    store: Store
    clock: ManualClock

    def empty_store(self) -> None:
        """Replace the store by an empty one, as if it had been restarted without its data."""
        self.store = MemoryStore(self.clock)
        for gateway in self.gateways:
            gateway.store.replace(self.store)

    async def viewed_on_second(self, *texts: str) -> tuple[Generation, Generation]:
        """Start a generation on the first gateway and view it on the second; return it as each of them has it."""
        first, second = self.gateways
        generation = await first.streaming(*texts)
        mirrored = await second.find(generation)
        second.hub.add_viewer(generation.id)
        await settle()
        return generation, mirrored

    async def advance(self, seconds: float, step: float = 0.2) -> None:
        """Advance the clock in steps, and let the gateways work after each."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(min(step, end - self.clock.now()))
            await settle()


@asynccontextmanager
async def deployment(
    count: int = 2,
    policy: ReplicaPolicy | None = None,
    retention_policy: RetentionPolicy | None = None,
    store: Store | None = None,
    digests: Sequence[Digests] = (),
    limits: Limits | None = None,
) -> AsyncIterator[Deployment]:
    """Yield gateways that share a store; then end them, and assert that nothing is left."""
    clock = ManualClock()
    shared = store or MemoryStore(clock)
    gateways = [
        _gateway(
            *(shared, clock, f"gateway-{number}", policy, retention_policy),
            digests[number] if digests else {},
            limits or Limits(),
        )
        for number in range(count)
    ]
    for gateway in gateways:
        await gateway.replica.start()
    yield Deployment(gateways, shared, clock)
    for gateway in gateways:
        await gateway.hub.close()
        await gateway.replica.close()
    await settle()
    assert clock.pending == 0
    for gateway in gateways:
        assert gateway.hub.slots.running == gateway.hub.running == gateway.hub.prompts.used == 0
        assert gateway.upstream.open_calls == 0


def _gateway(
    store: Store,
    clock: ManualClock,
    name: str,
    policy: ReplicaPolicy | None,
    retention_policy: RetentionPolicy | None,
    digests: Digests,
    limits: Limits,
) -> Gateway:
    upstream = ScriptedUpstream()
    models = ModelRegistry([Model("m", [Target(upstream)], limits.policy)])
    slots, rate_limits = Slots(limits.max_concurrent, limits.max_queue), RateLimits(*limits.rates)
    hub = Hub(models, slots, clock, rate_limits=rate_limits, retention_policy=retention_policy)
    faulty = FaultyStore(store)
    replica = Replica(faulty, hub, clock, policy or ReplicaPolicy(), name, Configuration(digests))
    return Gateway(hub, replica, Generations(hub, replica), upstream, clock, faulty)


def events(generation: Generation, after: int = 0) -> list[Event]:
    """Return the events of a generation after a sequence number, with adjacent text joined."""
    return [entry.event for entry in merge(generation.log.since(after))]
