"""Build what a configuration describes: upstreams with their connections, targets with their statistics, models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, TypeVar

from gateway.billing.prices import Price
from gateway.config import Settings
from gateway.config.model_names import served_models
from gateway.config.providers import Provider, resolve_provider, single_provider
from gateway.config.settings import SINGLE_UPSTREAM_SETTINGS, VARIABLE_PREFIX
from gateway.config.tables import ModelTable, UpstreamTable
from gateway.net.proxy import Proxy
from gateway.routing.backoff import Backoff
from gateway.routing.breaker import Breaker
from gateway.routing.model import Model, Policy
from gateway.routing.registry import ModelRegistry
from gateway.routing.target import Target
from gateway.routing.watchdog import Limits
from gateway.upstreams.base import Upstream
from gateway.upstreams.connections import ConnectionLimits
from gateway.upstreams.formats.anthropic import AnthropicFormat
from gateway.upstreams.formats.base import Quirks, WireFormat
from gateway.upstreams.formats.gemini import GeminiFormat
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.formats.openai_responses import OpenAIResponsesFormat
from gateway.upstreams.http import HttpUpstream

WIRE_FORMATS: Final[Mapping[str, Callable[[Quirks], WireFormat]]] = {
    "openai": OpenAIChatFormat,
    "openai-responses": lambda _quirks: OpenAIResponsesFormat(),
    "anthropic": lambda _quirks: AnthropicFormat(),
    "gemini": lambda _quirks: GeminiFormat(),
}
"""Factories of wire formats, by the API of a provider."""

CATALOG_SETTINGS: Final = frozenset(
    {*SINGLE_UPSTREAM_SETTINGS, "aliases", "providers", "models", "default_model", "connect_timeout", "queue_timeout"}
    | {"max_event_bytes", "upstream_proxy"}
    | {"first_token_timeout", "stall_timeout", "total_timeout", "min_chars_per_second", "max_attempts"}
    | {"retry_base", "retry_longest", "retry_within", "breaker_failures", "breaker_rest"}
)
"""Settings that a catalog is built from. All others, except those of authentication, need a restart to change."""

UPSTREAM_KEY_VARIABLE: Final = f"{VARIABLE_PREFIX}UPSTREAM_API_KEY"
"""The variable of the key of a single upstream."""

MAX_UNLISTED: Final = 256
"""Models that are kept of those that clients name and the configuration does not list: they may name any."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """Complete configuration of a target. On a reload, a target with an equal spec keeps its state and statistics."""

    owner: str
    provider: Provider
    limits: Limits
    breaker_failures: int
    breaker_rest: float
    model: str | None = None
    weight: float = 1.0
    price: Price | None = None
    max_concurrent: int = 0


class BuiltInSimulator:
    """The built-in simulator; it starts when it is first needed."""

    def __init__(self) -> None:
        # Imported only here: a gateway with real providers needs neither the simulator nor aiohttp's web server.
        from gateway.simulator import Simulator  # noqa: PLC0415

        self._simulator = Simulator()
        self._base_url: str | None = None

    async def start(self) -> str:
        """Start the simulator if it is not running, and return its base URL.

        Raises:
            OSError: it can't listen.
        """
        if self._base_url is None:
            await self._simulator.start()
            self._base_url = self._simulator.base_url
        return self._base_url

    async def stop(self) -> None:
        """Stop the simulator."""
        await self._simulator.stop()


@dataclass(slots=True, eq=False)
class Catalog:
    """The models of a configuration and the upstreams that they call. Call `start` first, and `close` once.

    The keys of `providers` are the names that clients see. `simulator` is set if a provider is the built-in simulator.
    """

    models: ModelRegistry = field(default_factory=ModelRegistry)
    providers: dict[str, Provider] = field(default_factory=dict)
    upstreams: dict[Provider, HttpUpstream] = field(default_factory=dict)
    targets: dict[TargetSpec, Target] = field(default_factory=dict)
    simulator: BuiltInSimulator | None = None

    async def start(self) -> None:
        """Start the simulator if a provider uses it.

        Raises:
            OSError: the simulator can't listen.
        """
        if self.simulator is None:
            return
        base_url = await self.simulator.start()
        for provider, upstream in self.upstreams.items():
            if provider.base_url is None:
                upstream.base_url = base_url

    async def close(self, successor: "Catalog | None" = None) -> None:
        """Close the upstreams and the simulator, except those that `successor` reuses."""
        reused = {*successor.upstreams.values()} if successor is not None else set()
        for upstream in {*self.upstreams.values()} - reused:
            await upstream.close()
        if self.simulator is not None and (successor is None or successor.simulator is not self.simulator):
            await self.simulator.stop()


def build(settings: Settings, *, upstream: Upstream | None = None, previous: Catalog | None = None) -> Catalog:
    """Build the catalog of a configuration, reusing those parts of `previous` whose configuration is equal.

    With an `upstream`, and without `[models]`, all models call that upstream.
    """
    builder = CatalogBuilder(settings, previous or Catalog())
    if settings.models:
        models = [builder.build_model(name, table) for name, table in settings.models.items()]
        builder.catalog.models = ModelRegistry(models, aliases=settings.aliases, default=settings.default_model)
    else:
        builder.catalog.models = _build_single(settings, builder, upstream)
    return builder.catalog


def _build_single(settings: Settings, builder: "CatalogBuilder", upstream: Upstream | None) -> ModelRegistry:
    """Build the registry of a gateway with a single upstream: the listed models, or any model if none is listed."""
    is_simulated = upstream is None and settings.upstream is None
    policy = builder.build_policy(ModelTable.model_construct())
    if upstream is None:
        target = builder.build_target(builder.default_spec("", single_provider(settings), policy.limits))
    else:
        breaker = Breaker(settings.breaker_failures, settings.breaker_rest)
        target = Target(upstream, limits=policy.limits, breaker=breaker)
    names = served_models(settings) if is_simulated else settings.model

    # Without it, each start would make a model of its own, and a running one would keep it.
    @lru_cache(maxsize=MAX_UNLISTED)
    def unlisted(name: str) -> Model | None:
        is_served = name.startswith("sim") if is_simulated else not names
        return Model(name, [target], policy) if is_served else None

    models = [Model(name, [target], policy) for name in names]
    return ModelRegistry(
        models, aliases=settings.aliases, default=settings.default_model, unlisted=unlisted, unlisted_targets=[target]
    )


class CatalogBuilder:
    """Builds a catalog from the settings and the previous catalog."""

    def __init__(self, settings: Settings, previous: Catalog) -> None:
        self._settings = settings
        self._previous = previous
        self.catalog = Catalog()

    def build_model(self, name: str, table: ModelTable) -> Model:
        """Build a model with its targets."""
        policy = self.build_policy(table)
        targets = [self._build_upstream_target(name, upstream, policy.limits) for upstream in table.all_upstreams]
        return Model(name, targets, policy, table.start_defaults)

    def build_policy(self, table: ModelTable) -> Policy:
        """Build the policy of a model from its own values, or the settings of the gateway where it has none."""
        settings = self._settings
        limits = Limits(
            queue_timeout=_first_set(table.queue_timeout, settings.queue_timeout),
            total_timeout=_first_set(table.total_timeout, settings.total_timeout),
            first_token_timeout=_first_set(table.first_token_timeout, settings.first_token_timeout),
            stall_timeout=_first_set(table.stall_timeout, settings.stall_timeout),
            min_chars_per_second=_first_set(table.min_chars_per_second, settings.min_chars_per_second),
        )
        backoff = Backoff(
            _first_set(table.max_attempts, settings.max_attempts),
            _first_set(table.retry_base, settings.retry_base),
            _first_set(table.retry_longest, settings.retry_longest),
            _first_set(table.retry_within, settings.retry_within),
        )
        return Policy(limits, backoff, table.routing, table.hedge, table.failover, table.max_output_tokens)

    def build_target(self, spec: TargetSpec) -> Target:
        """Return the previous target with an equal spec, or build one."""
        target = self._previous.targets.get(spec)
        upstream = self._build_upstream(spec.provider)
        if target is None:
            target = Target(
                upstream,
                spec.model,
                weight=spec.weight,
                price=spec.price,
                vendor=spec.provider.vendor,
                limits=spec.limits,
                max_concurrent=spec.max_concurrent,
                breaker=Breaker(spec.breaker_failures, spec.breaker_rest),
            )
        self.catalog.targets[spec] = target
        return target

    def default_spec(self, owner: str, provider: Provider, limits: Limits) -> TargetSpec:
        """Return the spec of a target for which only the settings of the gateway are set."""
        settings = self._settings
        # The simulator fails when a client requests a failure. That must not open its circuit for all other clients.
        failures = 0 if provider.base_url is None else settings.breaker_failures
        return TargetSpec(owner, provider, limits, failures, settings.breaker_rest)

    def _build_upstream_target(self, name: str, upstream: UpstreamTable, model_limits: Limits) -> Target:
        """Build the target of one upstream of a model."""
        limits = replace(
            model_limits,
            first_token_timeout=_first_set(upstream.first_token_timeout, model_limits.first_token_timeout),
            stall_timeout=_first_set(upstream.stall_timeout, model_limits.stall_timeout),
            min_chars_per_second=_first_set(upstream.min_chars_per_second, model_limits.min_chars_per_second),
        )
        spec = replace(
            self.default_spec(name, resolve_provider(self._settings, upstream.provider), limits),
            model=upstream.upstream_model or name,
            weight=upstream.weight,
            price=None if upstream.price is None else upstream.price.to_price(),
            max_concurrent=upstream.max_concurrent,
        )
        return self.build_target(spec)

    def _build_upstream(self, provider: Provider) -> HttpUpstream:
        """Return the upstream of a provider, which all its models share: the previous one if nothing has changed."""
        catalog, previous = self.catalog, self._previous
        if provider not in catalog.upstreams:
            catalog.providers[provider.name] = provider
            own_variable = "" if self._settings.upstream is None else UPSTREAM_KEY_VARIABLE
            catalog.upstreams[provider] = previous.upstreams.get(provider) or HttpUpstream(
                provider.name,
                provider.base_url or "",
                WIRE_FORMATS[provider.api](provider.quirks),
                provider.key,
                ConnectionLimits(provider.connections, provider.connect_timeout),
                provider.max_event_bytes,
                proxy=Proxy(provider.proxy),
                key_variable=provider.key_variable or own_variable,
            )
        if provider.base_url is None and catalog.simulator is None:
            catalog.simulator = previous.simulator or BuiltInSimulator()
        return catalog.upstreams[provider]


def _first_set(value: T | None, fallback: T) -> T:
    return fallback if value is None else value
