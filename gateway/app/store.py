"""Build the shared store that a configuration names, and what joins its deployment."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from gateway.clock import Clock
from gateway.config import Settings
from gateway.config.checks import MEMORY
from gateway.pipeline.hub import Hub

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica
    from gateway.store.base import Store

SHARED: Final = (
    *("owner_timeout", "on_owner_lost", "store_down", "default_model", "max_output_bytes"),
    *("max_concurrent", "max_concurrent_per_client", "max_queue", "queue_timeout"),
    *("rate_limit_per_minute", "rate_limit_burst", "output_tokens_per_minute", "budget_per_day"),
    *("max_streams_per_client", "max_streams_per_address", "breaker_failures", "breaker_rest"),
    *("on_disconnect", "model_api_on_disconnect", "model_api_on_resend", "grace", "retention", "response_retention"),
)
"""Settings that must agree: limits that are counted for all gateways, and how generations are kept."""


def build_store(settings: Settings, clock: Clock) -> "Store | None":
    """Build the client of the shared store, which is not connected yet; None if generations are kept in memory."""
    if settings.store == MEMORY:
        return None
    # Loading the client library takes a tenth of a second, which a gateway that keeps all in memory need not wait.
    from gateway.store.redis.store import LEASE_PART, RedisStore  # noqa: PLC0415 - as above

    password = settings.store_password.get_secret_value() if settings.store_password else ""
    timeout = settings.owner_timeout * LEASE_PART
    return RedisStore(settings.store, password=password, prefix=settings.store_prefix, timeout=timeout, clock=clock)


def build_replica(settings: Settings, store: "Store | None", hub: Hub, clock: Clock) -> "Replica | None":
    """Build this gateway's part of its deployment; None without a shared store."""
    if store is None:
        return None
    # What the gateways of a deployment do for each other is not loaded by one that stands alone.
    from gateway.replicas.membership.configuration import Configuration, digests_of  # noqa: PLC0415 - as above
    from gateway.replicas.policy import ReplicaPolicy  # noqa: PLC0415 - as above
    from gateway.replicas.replica import Replica  # noqa: PLC0415 - as above

    policy = ReplicaPolicy(settings.owner_timeout, settings.store_delay, settings.on_owner_lost, settings.store_down)
    return Replica(store, hub, clock, policy, configuration=Configuration(digests_of(_shared_settings(settings))))


def _shared_settings(settings: Settings) -> dict[str, object]:
    """Return the settings in which all gateways of a deployment must agree, and their version."""
    values = settings.model_dump(mode="json", include=set(SHARED))
    models = sorted({*settings.model, *settings.models})
    return {**values, "models": models, "version": version("dualstream")}
