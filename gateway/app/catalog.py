"""Make of the settings what they name: providers with their connections, targets with their memory, models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from gateway.billing.prices import Price
from gateway.config import Settings
from gateway.config.providers import Provider, provider, single
from gateway.config.tables import ModelTable, UpstreamTable
from gateway.config.validate import SINGLE, price, served
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.simulator import Simulator
from gateway.upstreams.base import Upstream
from gateway.upstreams.connections import ConnectionLimits
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import Quirks, WireFormat
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from gateway.upstreams.http import HttpUpstream

WIRES: Final[Mapping[str, Callable[[Quirks], WireFormat]]] = {
    "openai": OpenAIChatFormat,
    "openai-responses": lambda _quirks: OpenAIResponsesFormat(),
    "anthropic": lambda _quirks: AnthropicFormat(),
    "gemini": lambda _quirks: GeminiFormat(),
}

CATALOG_SETTINGS: Final = frozenset(
    {*SINGLE, "aliases", "providers", "models", "default_model", "connect_timeout", "queue_timeout"}
    | {"first_token_timeout", "stall_timeout", "total_timeout", "min_chars_per_second", "max_attempts"}
    | {"retry_base", "retry_longest", "retry_within", "breaker_failures", "breaker_rest"}
)
"""The settings that a catalogue is made of; all others hold from the start of the process to its end."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """All that is configured of a target: one that is the same keeps what it remembers."""

    owner: str
    provider: Provider
    limits: Limits
    breaker_failures: int
    breaker_rest: float
    model: str | None = None
    weight: float = 1.0
    price: Price | None = None
    max_concurrent: int = 0


class BuiltIn:
    """The simulator that is built in, started when it is first needed."""

    def __init__(self) -> None:
        self._simulator = Simulator()
        self._base_url: str | None = None

    async def start(self) -> str:
        """Give its base URL; start it, if it is not yet."""
        if self._base_url is None:
            await self._simulator.start()
            self._base_url = self._simulator.base_url
        return self._base_url

    async def stop(self) -> None:
        """Stop it."""
        await self._simulator.stop()


@dataclass(slots=True, eq=False)
class Catalog:
    """The models of a configuration, and what is called for them. `start` it, then `close` it once.

    `providers` are by the name that clients are shown; `simulator` is there if one of them is the one built in.
    """

    models: ModelRegistry = field(default_factory=ModelRegistry)
    providers: dict[str, Provider] = field(default_factory=dict)
    upstreams: dict[Provider, HttpUpstream] = field(default_factory=dict)
    targets: dict[TargetSpec, Target] = field(default_factory=dict)
    simulator: BuiltIn | None = None

    async def start(self) -> None:
        """Start the simulator, if it is used.

        Raises:
            OSError: it can't listen.
        """
        if self.simulator is None:
            return
        base_url = await self.simulator.start()
        for described, upstream in self.upstreams.items():
            if described.base_url is None:
                upstream.base_url = base_url

    async def close(self, successor: "Catalog | None" = None) -> None:
        """Close what it holds, but for what its successor has taken over."""
        taken = {*successor.upstreams.values()} if successor is not None else set()
        for upstream in {*self.upstreams.values()} - taken:
            await upstream.close()
        if self.simulator is not None and (successor is None or successor.simulator is not self.simulator):
            await self.simulator.stop()


def build(settings: Settings, *, upstream: Upstream | None = None, before: Catalog | None = None) -> Catalog:
    """Make the catalogue of a configuration; `before` gives what it has of the same.

    With an `upstream`, all models are asked of that one.
    """
    made = CatalogBuilder(settings, before or Catalog())
    if settings.models:
        models = [made.model(name, table) for name, table in settings.models.items()]
        made.catalogue.models = ModelRegistry(models, aliases=settings.aliases, default=settings.default_model)
    else:
        made.catalogue.models = _single(settings, made, upstream)
    return made.catalogue


def _single(settings: Settings, made: "CatalogBuilder", upstream: Upstream | None) -> ModelRegistry:
    """Make the models of a gateway with one upstream: those that are listed, or else any that it may have."""
    simulated = upstream is None and settings.upstream is None
    policy = made.policy(ModelTable())
    spec = made.spec("", single(settings), policy.limits)
    if upstream is None:
        target = made.target(spec)
    else:
        breaker = Breaker(settings.breaker_failures, settings.breaker_rest)
        target = Target(upstream, limits=policy.limits, breaker=breaker)
    names = served(settings) if simulated else settings.model

    def unlisted(name: str) -> Model | None:
        passes = name.startswith("sim") if simulated else not names
        return Model(name, [target], policy) if passes else None

    models = [Model(name, [target], policy) for name in names]
    return ModelRegistry(models, aliases=settings.aliases, default=settings.default_model, unlisted=unlisted)


class CatalogBuilder:
    """A catalogue in the making, of the settings and of what there was before."""

    def __init__(self, settings: Settings, before: Catalog) -> None:
        self._settings = settings
        self._before = before
        self.catalogue = Catalog()

    def model(self, name: str, table: ModelTable) -> Model:
        """Make a model with its targets."""
        policy = self.policy(table)
        return Model(name, [self._of(name, upstream, policy.limits) for upstream in table.asked], policy)

    def policy(self, table: ModelTable) -> Policy:
        """Make a model's policy: its own figures, or else those for all."""
        settings = self._settings
        limits = Limits(
            queue_timeout=_first(table.queue_timeout, settings.queue_timeout),
            total_timeout=_first(table.total_timeout, settings.total_timeout),
            first_token_timeout=_first(table.first_token_timeout, settings.first_token_timeout),
            stall_timeout=_first(table.stall_timeout, settings.stall_timeout),
            min_chars_per_second=_first(table.min_chars_per_second, settings.min_chars_per_second),
        )
        backoff = Backoff(
            _first(table.max_attempts, settings.max_attempts),
            _first(table.retry_base, settings.retry_base),
            _first(table.retry_longest, settings.retry_longest),
            _first(table.retry_within, settings.retry_within),
        )
        return Policy(limits, backoff, table.routing, table.hedge, table.failover, table.max_output_tokens)

    def target(self, spec: TargetSpec) -> Target:
        """Make a target, or give the one that there was of the same configuration."""
        target = self._before.targets.get(spec)
        called = self._upstream(spec.provider)
        if target is None:
            target = Target(
                called,
                spec.model,
                weight=spec.weight,
                price=spec.price,
                preset=spec.provider.preset,
                limits=spec.limits,
                max_concurrent=spec.max_concurrent,
                breaker=Breaker(spec.breaker_failures, spec.breaker_rest),
            )
        self.catalogue.targets[spec] = target
        return target

    def spec(self, owner: str, described: Provider, limits: Limits) -> TargetSpec:
        """Describe a target of which nothing is set but what holds for all."""
        settings = self._settings
        # The simulator fails because a client told it to: that is no reason to leave it alone.
        failures = 0 if described.base_url is None else settings.breaker_failures
        return TargetSpec(owner, described, limits, failures, settings.breaker_rest)

    def _of(self, name: str, upstream: UpstreamTable, over: Limits) -> Target:
        """Make the target of one of a model's upstreams."""
        limits = replace(
            over,
            first_token_timeout=_first(upstream.first_token_timeout, over.first_token_timeout),
            stall_timeout=_first(upstream.stall_timeout, over.stall_timeout),
            min_chars_per_second=_first(upstream.min_chars_per_second, over.min_chars_per_second),
        )
        spec = replace(
            self.spec(name, provider(self._settings, upstream.provider), limits),
            model=upstream.upstream_model or name,
            weight=upstream.weight,
            price=price(upstream),
            max_concurrent=upstream.max_concurrent,
        )
        return self.target(spec)

    def _upstream(self, described: Provider) -> HttpUpstream:
        """Give the connections to a provider: those that there were, if nothing of it has changed."""
        catalogue, before = self.catalogue, self._before
        if described not in catalogue.upstreams:
            catalogue.providers[described.name] = described
            catalogue.upstreams[described] = before.upstreams.get(described) or HttpUpstream(
                described.name,
                described.base_url or "",
                WIRES[described.api](described.quirks),
                described.key,
                ConnectionLimits(described.connections, described.connect_timeout),
            )
        if described.base_url is None and catalogue.simulator is None:
            catalogue.simulator = before.simulator or BuiltIn()
        return catalogue.upstreams[described]


def _first(own: T | None, general: T) -> T:
    return general if own is None else own
