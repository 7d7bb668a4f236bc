"""Build the shared store that a configuration names, and what joins its deployment."""

from gateway.clock import Clock
from gateway.config import ConfigurationError, Settings
from gateway.config.checks import MEMORY
from gateway.pipeline.hub import Hub
from gateway.replicas.policy import ReplicaPolicy
from gateway.replicas.replica import Replica
from gateway.store.base import Store


def build_store(settings: Settings) -> Store | None:
    """Build the client of the shared store, which is not connected yet; None if generations are kept in memory."""
    if settings.store == MEMORY:
        return None
    message = "store: this build has no client for a shared store"
    raise ConfigurationError(message)


def build_replica(settings: Settings, store: Store | None, hub: Hub, clock: Clock) -> Replica | None:
    """Build this gateway's part of its deployment; None without a shared store."""
    if store is None:
        return None
    policy = ReplicaPolicy(settings.owner_timeout, settings.store_delay, settings.on_owner_lost, settings.store_down)
    return Replica(store, hub, clock, policy)
