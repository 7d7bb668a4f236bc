"""A gateway on a real socket, with a clock and an upstream that the test controls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette

from gateway.admission.streams import Streams
from gateway.app.factory import create_app
from gateway.app.reload import Reloader
from gateway.config import Settings
from gateway.generation.generation import Generation
from gateway.pipeline.hub import Hub
from gateway.pipeline.records import Record
from gateway.replicas.replica import Replica
from gateway.server.http_protocol import HttpProtocol
from gateway.server.uvicorn_config import server_config
from gateway.server.websocket_protocol import WebSocketProtocol
from gateway.store.base import Store
from tests.event_loop import settle
from tests.manual_clock import ManualClock
from tests.scripted_upstream import ScriptedUpstream
from tests.served.viewers import VIEWERS, ViewingClient, until
from tests.shared_store import shared_store


@dataclass
class Served:
    """A gateway under test."""

    url: str
    hub: Hub
    clock: ManualClock
    upstream: ScriptedUpstream
    http: aiohttp.ClientSession
    reloader: Reloader
    streams: Streams
    protocols: Set[object]
    """Protocols of the open connections."""
    replica: Replica | None

    async def called(self, number: int = 1) -> None:
        """Wait until the upstream has received this many calls."""
        await until(lambda: len(self.upstream.calls) >= number)

    async def left(self) -> None:
        """Wait until the one generation has had a viewer and has none, also if its start still waits for the store."""
        await until(lambda: self._only_record.was_viewed and self._only_record.viewers == 0)

    async def advance(self, seconds: float) -> None:
        """Advance the clock in steps in which no lease of a gateway runs out, and let the gateway work after each."""
        end = self.clock.now() + seconds
        while (rest := end - self.clock.now()) > 0:
            self.clock.advance(min(rest, 1.0))
            await settle()

    def viewer(self, kind: str) -> ViewingClient:
        """Return a client of a transport."""
        return VIEWERS[kind](self.http)

    @property
    def only(self) -> Generation:
        """Return the one generation that the gateway holds."""
        return self._only_record.generation

    @property
    def _only_record(self) -> Record:
        (record,) = self.hub._records._by_id.values()
        return record


@pytest.fixture
def settings() -> Settings:
    return Settings(
        model=("m",),
        max_concurrent=0,
        rate_limit_per_minute=0,
        stall_timeout=0,
        first_token_timeout=0,
        max_body_bytes=20_000,
        # The tests' clock does not move by itself.
        poll_interval=0,
    )


@dataclass(frozen=True)
class Protocols:
    """The protocol classes of the server: ours, which offer a direct writer, or uvicorn's own."""

    http: Literal["httptools"] | type[HttpProtocol] = HttpProtocol
    ws: Literal["websockets-sansio"] | type[WebSocketProtocol] = WebSocketProtocol


@pytest.fixture
def protocols() -> Protocols:
    return Protocols()


Configure = Callable[[Settings, Starlette], uvicorn.Config]


@pytest.fixture
def configure(protocols: Protocols) -> Configure:
    """Return a function that builds the server's configuration; `as_command` builds that of the command line."""
    return lambda _, app: uvicorn.Config(
        app, port=0, http=protocols.http, ws=protocols.ws, log_level="error", ws_ping_interval=None
    )


def as_command(settings: Settings, app: Starlette) -> uvicorn.Config:
    """Build the configuration that the command line uses, on a free port."""
    config = server_config(settings, app)
    config.port = 0
    return config


async def _shut_down(server: uvicorn.Server) -> None:
    """Stop the server as its own `shutdown` does, but without the 0.1 s that it sleeps each time."""
    for listener in server.servers:
        listener.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    await until(lambda: not state.connections and not state.tasks)
    await server.lifespan.shutdown()


@asynccontextmanager
async def serving(
    settings: Settings, clock: ManualClock, configure: Configure, store: Store | None = None
) -> AsyncIterator[Served]:
    """Yield a gateway with an upstream of its own; then end it, and assert that nothing of it is left."""
    upstream = ScriptedUpstream()
    app = create_app(settings, clock=clock, upstream=upstream, store=store or shared_store(clock))
    config = configure(settings, app)
    server = uvicorn.Server(config)
    server.config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as http:
        url, state = f"http://{host}:{port}", app.state
        protocols = server.server_state.connections
        yield Served(url, state.hub, clock, upstream, http, state.reloader, state.streams, protocols, state.replica)
        await app.state.hub.close()
    await _shut_down(server)
    await until(lambda: app.state.hub.viewers == 0)
    await until(lambda: app.state.streams.open == 0)
    assert app.state.hub.slots.running == 0
    assert upstream.open_calls == 0


@asynccontextmanager
async def alone(settings: Settings, configure: Configure) -> AsyncIterator[Served]:
    """Yield a gateway without a store; then end it, and assert that nothing of it is left."""
    clock = ManualClock()
    async with serving(settings, clock, configure) as gateway:
        yield gateway
    assert clock.pending == 0
    await asyncio.sleep(0)


@pytest.fixture
async def served(settings: Settings, configure: Configure) -> AsyncIterator[Served]:
    async with alone(settings, configure) as gateway:
        yield gateway
