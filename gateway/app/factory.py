"""Build the application. The only module of the gateway that imports the transports, and only their interface."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.middleware import Middleware

from gateway.api.error_handlers import error_handlers
from gateway.api.middleware.auth import AuthMiddleware
from gateway.api.middleware.cors import CorsMiddleware
from gateway.api.routes import all_routes
from gateway.app.administration import GatewayAdministration
from gateway.app.application import Application
from gateway.app.authentication import credential_schemes
from gateway.app.catalog import build
from gateway.app.key_activity import KeyActivity
from gateway.app.key_upkeep import KeyUpkeep
from gateway.app.key_watch import KeyWatch
from gateway.app.metrics import build_metrics, observe
from gateway.app.reload import Reloader
from gateway.app.services import build_hub, build_services
from gateway.app.store import build_replica, build_store
from gateway.app.tracing import build_tracing
from gateway.clock import Clock, SystemClock
from gateway.config import Settings
from gateway.dialects.base import Dialect
from gateway.pipeline.hub import Hub
from gateway.replicas.generations import Generations
from gateway.security.authenticator import Authenticator
from gateway.telemetry.logs.observer import LogObserver
from gateway.upstreams.base import Upstream
from transports.base import Transport

if TYPE_CHECKING:
    from gateway.replicas.replica import Replica
    from gateway.store.base import Store
    from gateway.telemetry.traces.provider import Tracing

TRANSPORTS: Final = "dualstream.transports"
DIALECTS: Final = "dualstream.dialects"
"""Groups of entry points, by which distributions add their own."""


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    upstream: Upstream | None = None,
    store: "Store | None" = None,
    load: Callable[[], Settings] | None = None,
) -> Starlette:
    """Build the ASGI application; its lifespan starts and ends everything that it owns.

    `app.state.hub` is its hub, `app.state.streams` counts its open streams, `app.state.reloader` changes its models and
    keys while it runs, `app.state.replica` is its part of a deployment, None without a store. Without an upstream,
    given here or in the settings, it calls the built-in simulator. A `store` replaces that of the settings. `load`
    loads the settings again, for a reload.

    Raises:
        ConfigurationError: the keys can't be read, or traces are configured without their library.
    """
    clock = clock or SystemClock()
    catalog = build(settings, upstream=upstream)
    hub = build_hub(settings, catalog.models, clock)
    tracing = build_tracing(settings, os.environ, clock)
    hub.observers.add(LogObserver(clock, log_content=settings.log_content, is_traced=tracing is not None))
    if tracing is not None:
        hub.observers.add(tracing.observer)
    authenticator = Authenticator(credential_schemes(settings), clock.unix)
    reloader = Reloader(hub, settings, catalog, authenticator, load)
    replica = build_replica(settings, store or build_store(settings, clock), hub, clock)
    if replica is not None:
        authenticator.tickets = replica.shared.tickets
    generations = Generations(hub, replica)
    metrics = build_metrics(hub)
    services = build_services(settings, generations, authenticator, clock, load_dialects(), metrics)
    observe(services, replica)
    activity = KeyActivity(authenticator, clock, replica)
    hub.on_end.append(activity.on_end)
    administration = GatewayAdministration(reloader, generations, authenticator, activity)
    upkeep = KeyUpkeep(KeyWatch(reloader, clock), activity, clock)
    if replica is not None:
        replica.streams.attach(services.streams)
    transport_routes = [route for transport in load_transports() for route in transport.routes(services)]
    app = Application(
        routes=all_routes(services, administration, transport_routes),
        departures=hub.departures,
        # CORS first: a preflight carries no credential, and the page must be able to read a refusal.
        middleware=[
            Middleware(CorsMiddleware, services=services, allowed_headers=settings.allowed_headers),
            Middleware(AuthMiddleware, services=services),
        ],
        error_handlers=error_handlers(hub),
        lifespan=lambda _app: _lifespan(hub, reloader, replica, upkeep, tracing),
    )
    app.state.hub = hub
    app.state.streams = services.streams
    app.state.reloader = reloader
    app.state.activity = services.activity
    app.state.replica = replica
    app.state.metrics = metrics
    return app


@asynccontextmanager
async def _lifespan(
    hub: Hub, reloader: Reloader, replica: "Replica | None", upkeep: KeyUpkeep, tracing: "Tracing | None"
) -> AsyncIterator[None]:
    # The first use of anyio loads its back end: now, and not while the first client waits.
    await checkpoint()
    await reloader.start()
    try:
        if replica is not None:
            await replica.start()
        upkeep.start()
        yield
    finally:
        await hub.close()
        await upkeep.close()
        if replica is not None:
            await replica.close()
        await reloader.close()
        if tracing is not None:
            await tracing.close()


def load_transports() -> list[Transport]:
    """Return the transports that are installed, ours and those of other distributions, sorted by name."""
    factories: Sequence[Callable[[], Transport]] = _installed(TRANSPORTS)
    return [factory() for factory in factories]


def load_dialects() -> list[Dialect]:
    """Return the dialects that are installed; those that own the fewest paths come first."""
    factories: Sequence[Callable[[], Dialect]] = _installed(DIALECTS)
    # OpenAI's chat completions own what remains.
    return sorted((factory() for factory in factories), key=lambda dialect: dialect.name == "openai_chat")


@cache
def _installed(group: str) -> Sequence[Callable[[], Any]]:
    return tuple(entry.load() for entry in _entry_points()[group])


@cache
def _entry_points() -> Mapping[str, Sequence[EntryPoint]]:
    # Once per process: finding the entry points reads the metadata of every installed distribution.
    found = entry_points()
    return {group: sorted(found.select(group=group), key=lambda entry: entry.name) for group in (TRANSPORTS, DIALECTS)}
