"""What is attacked: gateways as they come, with keys and without, directly and behind the nginx that we ship."""

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
from tests.integration.test_nginx import Nginx, nginx_before

PATIENCE: Final = 20.0
"""Seconds for what should come at once."""

ALLOWED_HOST: Final = "friend.test"
"""Where the one foreign page lives that may use the gateway with keys."""

ROLES: Final[dict[str, frozenset[Role]]] = {
    "alice": frozenset(),
    "bob": frozenset(),
    "watcher": frozenset({"observe"}),
    "operator": frozenset({"operate"}),
}


@dataclass
class Stage:
    """The servers, and who has keys: alice is the victim, bob the attacker, if he has a key at all."""

    provider: Provider
    site_port: int
    open: Server
    """A gateway as it comes: on loopback, without keys."""
    keyed: Server
    behind: Server
    """With keys too; believes nginx."""
    nginx: Nginx
    folder: Path
    patience: float
    """Seconds that slow attackers get."""
    keys: dict[str, ApiKey] = field(default_factory=dict)

    def bearer(self, name: str) -> dict[str, str]:
        """Give the header by which somebody is known."""
        return {"Authorization": f"Bearer {self.keys[name].text()}"}

    @asynccontextmanager
    async def client(self, url: str, name: str = "") -> AsyncIterator[aiohttp.ClientSession]:
        """Give a client of one of the servers, which shows somebody's key if it is told whose."""
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        headers = self.bearer(name) if name else {}
        async with aiohttp.ClientSession(url, headers=headers, timeout=patience) as http:
            yield http

    async def started(self, server: Server) -> int:
        """Tell how many answers a gateway has started."""
        async with self.client(server.url, "" if server is self.open else "watcher") as http:
            return await started(http)


async def started(http: aiohttp.ClientSession) -> int:
    """Ask for the number of answers that were started."""
    async with http.get("/api/stats") as response:
        assert response.status == 200, await response.text()
        return int((await response.json())["started"])


def megabytes(server: Server) -> float:
    """Tell how much memory a server holds."""
    resident = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGESIZE") / 1e6


def write_key_file(file: Path, keys: dict[str, ApiKey]) -> None:
    """Write the file of keys."""
    write_keys(
        file, [StoredKey(name, key.id, hash_secret(key.secret), roles=ROLES[name]) for name, key in keys.items()]
    )


@contextmanager
def stage(folder: Path, patience: float) -> Iterator[Stage]:
    """Start it all."""
    keys = {name: generate_key() for name in ROLES}
    write_key_file(folder / "keys.toml", keys)
    with ExitStack() as stack:
        provider = stack.enter_context(hostile_provider())
        site_port = stack.enter_context(foreign_site())
        upstream = ("--upstream", provider.url)
        # The attackers of one machine have one address, and what they are to be stopped by is not how many they are.
        many = {"rate_limit_per_minute": 1_000_000, "rate_limit_burst": 1_000_000}
        guarded = {"keys_file": folder / "keys.toml", "viewer_timeout": 5, **many}
        friend = f"http://{ALLOWED_HOST}:{site_port}"
        plain = stack.enter_context(gateway(*upstream, **many))
        keyed = stack.enter_context(gateway(*upstream, allowed_origins=friend, **guarded))
        behind = stack.enter_context(gateway(*upstream, trusted_proxies="127.0.0.1", **guarded))
        nginx = stack.enter_context(nginx_before(behind.url, folder=folder / "nginx"))
        yield Stage(provider, site_port, plain, keyed, behind, nginx, folder, patience, keys)
