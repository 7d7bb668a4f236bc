"""What is attacked: gateways with default settings, with and without keys, directly and behind the nginx we ship."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from gateway.security.api_keys import ApiKey, StoredKey, generate_key, hash_secret
from gateway.security.key_file import write_keys
from gateway.security.principals import Role
from tests.integration.attacks.pages import foreign_site
from tests.integration.attacks.provider import Provider, hostile_provider
from tests.integration.processes import Server, gateway
from tests.integration.test_nginx import Nginx, running_nginx

PATIENCE: Final = 20.0
"""Seconds for anything that should happen at once."""

ALLOWED_HOST: Final = "friend.test"
"""Host of the one foreign page that may use the gateway with keys."""

ROLES: Final[dict[str, frozenset[Role]]] = {
    "alice": frozenset(),
    "bob": frozenset(),
    "watcher": frozenset({"observe"}),
    "operator": frozenset({"operate"}),
}


@dataclass
class Stage:
    """The servers, and the holders of keys: alice is the victim, bob the attacker (if the attacker has a key)."""

    provider: Provider
    site_port: int
    open: Server
    """A gateway with default settings: on loopback, without keys."""
    keyed: Server
    behind: Server
    """A gateway with keys that trusts nginx."""
    nginx: Nginx
    folder: Path
    patience: float
    """Seconds for slow attackers."""
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def bearer(self, name: str) -> dict[str, str]:
        """Return the `Authorization` header of a key holder."""
        return {"Authorization": f"Bearer {self.keys[name].text()}"}

    @asynccontextmanager
    async def client(self, url: str, name: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        """Return a client of one of the servers, with a holder's key if a name is given."""
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        headers = self.bearer(name) if name else {}
        async with aiohttp.ClientSession(url, headers=headers, timeout=patience) as http:
            yield http

    async def started(self, server: Server) -> int:
        """Return how many generations a gateway has started."""
        async with self.client(server.url, "" if server is self.open else "watcher") as http:
            return await count_started(http)


async def count_started(http: aiohttp.ClientSession) -> int:
    """Request the number of started generations."""
    async with http.get("/api/stats") as response:
        assert response.status == 200, await response.text()
        return int((await response.json())["started"])


def megabytes(server: Server) -> float:
    """Return a server's resident memory in megabytes."""
    resident = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGESIZE") / 1e6


def write_key_file(file: Path, keys: dict[str, ApiKey]) -> None:
    """Write the key file."""
    write_keys(
        file, [StoredKey(name, key.id, hash_secret(key.secret), roles=ROLES[name]) for name, key in keys.items()]
    )


@contextmanager
def stage(folder: Path, patience: float) -> Iterator[Stage]:
    """Start all servers."""
    keys = {name: generate_key() for name in ROLES}
    write_key_file(folder / "keys.toml", keys)
    with ExitStack() as stack:
        provider = stack.enter_context(hostile_provider())
        site_port = stack.enter_context(foreign_site())
        upstream = ("--upstream", provider.url)
        # The attackers of one machine share one address; the rate limit must not be what stops them.
        unlimited = {"rate_limit_per_minute": 1_000_000, "rate_limit_burst": 1_000_000}
        protected = {"keys_file": folder / "keys.toml", "viewer_timeout": 5, **unlimited}
        friend = f"http://{ALLOWED_HOST}:{site_port}"
        plain = stack.enter_context(gateway(*upstream, **unlimited))
        keyed = stack.enter_context(gateway(*upstream, allowed_origins=friend, **protected))
        behind = stack.enter_context(gateway(*upstream, trusted_proxies="127.0.0.1", **protected))
        nginx = stack.enter_context(running_nginx(behind.url, folder=folder / "nginx"))
        yield Stage(provider, site_port, plain, keyed, behind, nginx, folder, patience, keys)
