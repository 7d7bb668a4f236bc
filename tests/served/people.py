"""Who comes in: people with keys, and a gateway that asks for them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from gateway.admission.limits import PrincipalLimits
from gateway.config import Settings
from gateway.config.tables import JwtTable
from gateway.security.api_keys import StoredKey, hashed, make
from gateway.security.key_file import write_keys
from gateway.security.principals import Role
from tests.gateway.security.test_jwt_tokens import SECRET
from tests.served.gateway import Protocols, Served
from tests.served.viewers import VIEWERS, Shown, ViewingClient

BODY: Shown = {"messages": [{"role": "user", "content": "Hello"}]}
KEYS = {name: make() for name in ("alice", "bob", "watcher", "operator", "small", "old", "reader")}
ROLES: Mapping[str, frozenset[Role]] = {"watcher": frozenset({"observe"}), "operator": frozenset({"operate"})}
LIMITS: Mapping[str, PrincipalLimits] = {
    "small": PrincipalLimits(rate_limit_per_minute=2, max_concurrent=1),
    "reader": PrincipalLimits(max_streams=3),
}


def stored(name: str) -> StoredKey:
    """Give a key as the gateway has it: `old` expired in 1970, `small` may use one model, twice a minute.

    `reader` may read three streams.
    """
    key, limits = KEYS[name], LIMITS.get(name, PrincipalLimits())
    models = frozenset({"n"}) if name == "small" else None
    expires = 1.0 if name == "old" else None
    return StoredKey(name, key.id, hashed(key.secret), None, expires, models, ROLES.get(name, frozenset()), limits)


def asking_for_keys(settings: Settings, file: Path) -> Settings:
    """Have these settings ask for the keys of a file, or for a token."""
    table = JwtTable(algorithms=("HS256",), secret=SecretStr(SECRET))
    return settings.model_copy(update={"keys_file": file, "model": ("m", "n"), "aliases": {"o": "n"}, "jwt": table})


@dataclass
class People:
    """Clients, each with a session of its own, which sends what it shows with every request."""

    served: Served
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)

    def session(self, credential: str | None) -> aiohttp.ClientSession:
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        self.sessions.append(aiohttp.ClientSession(self.served.url, headers=headers))
        return self.sessions[-1]

    def named(self, name: str) -> aiohttp.ClientSession:
        return self.session(KEYS[name].text())

    def viewer(self, kind: str, name: str) -> ViewingClient:
        return VIEWERS[kind](self.named(name))


@pytest.fixture(params=["our server", "another server"])
def protocols(request: pytest.FixtureRequest) -> Protocols:
    """Straight to the socket, and over ASGI's `send`: the slow way is the fast one's oracle."""
    return Protocols() if request.param == "our server" else Protocols("httptools", "websockets-sansio")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.toml"
    write_keys(file, map(stored, KEYS))
    return file


@pytest.fixture
async def people(served: Served) -> AsyncIterator[People]:
    it = People(served)
    yield it
    for session in it.sessions:
        await session.close()
