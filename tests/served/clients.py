"""Clients with API keys, and a gateway that requires them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from gateway.admission.limits import PrincipalLimits
from gateway.config import Settings
from gateway.config.tables import JwtTable
from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from gateway.security.principals import Role
from tests.gateway.security.issuer import SECRET
from tests.served.gateway import Protocols, Served
from tests.served.viewers import VIEWERS, JsonObject, ViewingClient

BODY: JsonObject = {"messages": [{"role": "user", "content": "Hello"}]}
KEYS = {name: generate_key() for name in ("alice", "bob", "watcher", "operator", "small", "old", "reader")}
ROLES: Mapping[str, frozenset[Role]] = {"watcher": frozenset({"observe"}), "operator": frozenset({"operate"})}
LIMITS: Mapping[str, PrincipalLimits] = {
    "small": PrincipalLimits(rate_limit_per_minute=2, max_concurrent=1),
    "reader": PrincipalLimits(max_streams=3),
}


def stored_key(name: str) -> StoredKey:
    """Return a client's key as the gateway stores it.

    `old` expired in 1970; `small` may use one model, twice a minute; `reader` may read three streams at once.
    """
    key, limits = KEYS[name], LIMITS.get(name, PrincipalLimits())
    models = frozenset({"n"}) if name == "small" else None
    expires = 1.0 if name == "old" else None
    return StoredKey(name, key.id, hash_secret(key.secret), None, expires, models, ROLES.get(name, frozenset()), limits)


def with_keys(settings: Settings, path: Path) -> Settings:
    """Return these settings with API keys from a file and with JSON Web Tokens."""
    table = JwtTable(algorithms=("HS256",), secret=SecretStr(SECRET))
    return settings.model_copy(update={"keys_file": path, "model": ("m", "n"), "aliases": {"o": "n"}, "jwt": table})


@dataclass
class Clients:
    """Open HTTP sessions, one per client, each of which sends its credential with every request."""

    served: Served
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def session(self, credential: str | None) -> aiohttp.ClientSession:
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        self.sessions.append(aiohttp.ClientSession(self.served.url, headers=headers))
        return self.sessions[-1]

    def named(self, name: str) -> aiohttp.ClientSession:
        return self.session(KEYS[name].text())

    @asynccontextmanager
    async def socket(self, credential: str | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket whose handshake sends this credential."""
        async with self.session(credential).ws_connect("/api/ws", protocols=["dualstream.v1"]) as opened:
            yield opened

    def viewer(self, kind: str, name: str) -> ViewingClient:
        return VIEWERS[kind](self.named(name))


@pytest.fixture(params=["our server", "another server"])
def protocols(request: pytest.FixtureRequest) -> Protocols:
    """Run each test over the direct writer and over ASGI's `send`, whose output is the reference for the other."""
    return Protocols() if request.param == "our server" else Protocols("httptools", "websockets-sansio")


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    write_keys(path, map(stored_key, KEYS))
    return path


@pytest.fixture
async def clients(served: Served) -> AsyncIterator[Clients]:
    opened = Clients(served)
    yield opened
    for session in opened.sessions:
        await session.close()


async def close_code(opened: aiohttp.ClientWebSocketResponse) -> int | None:
    """Read messages until the WebSocket is closed; return its close code."""
    while (await opened.receive()).type is aiohttp.WSMsgType.TEXT:
        pass
    return opened.close_code
