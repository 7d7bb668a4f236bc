"""The admin API with two workers, a real store and a real key file, which `dualstream keys` changes as well."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.security.api_keys import StoredKey, generate_key, hash_secret
from gateway.security.key_file import read_keys, write_keys
from tests.integration import processes
from tests.integration.processes import Server

OPERATOR = generate_key()
REQUESTS = 16
"""Number of requests, each on a connection of its own, that reach both workers with near certainty."""
SECONDS = 20.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    operator = StoredKey("ops", OPERATOR.id, hash_secret(OPERATOR.secret), roles=frozenset({"operate"}))
    write_keys(path, [operator])
    return path


@pytest.fixture
def workers(redis_url: str, file: Path) -> Iterator[Server]:
    with processes.gateway("--workers", "2", store=f"{redis_url}/9", store_prefix="admin", keys_file=file) as server:
        server.wait_for(r"Workers: \d+ \(processes .*\)")
        yield server


@pytest.fixture
async def http(workers: Server) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(workers.url, connector=connector, timeout=aiohttp.ClientTimeout(SECONDS)) as http:
        yield http


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def statuses(http: aiohttp.ClientSession, key: str) -> set[int]:
    """Return the statuses of requests with a key, to both workers."""

    async def status() -> int:
        async with http.get("/api/models", headers=bearer(key)) as response:
            return response.status

    return {*await asyncio.gather(*(status() for _ in range(REQUESTS)))}


async def known_gateways(http: aiohttp.ClientSession) -> set[int]:
    """Return how many gateways each worker knows: it learns of another one with the next renewal of its lease."""

    async def known() -> int:
        async with http.get("/api/stats", headers=bearer(OPERATOR.text())) as response:
            count: int = (await response.json())["store"]["gateways"]
            return count

    return {*await asyncio.gather(*(known() for _ in range(REQUESTS)))}


async def wait_for(http: aiohttp.ClientSession, key: str, wanted: int) -> float:
    """Wait until both workers answer with a status; return how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(SECONDS):
        while await statuses(http, key) != {wanted}:
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def test_all_workers_follow_the_api_and_the_command_line(
    workers: Server, http: aiohttp.ClientSession, file: Path
) -> None:
    async with asyncio.timeout(SECONDS):
        while await known_gateways(http) != {2}:
            await asyncio.sleep(0.1)
    # Created over HTTP: accepted by both as soon as the response is there.
    async with http.post("/api/admin/keys", json={"name": "alice"}, headers=bearer(OPERATOR.text())) as response:
        assert response.status == 201
        created = await response.json()
    assert created["gateways"] == {"applied": 2, "failed": []}
    assert await statuses(http, created["key"]) == {200}
    # Created and revoked by the command line: followed without a signal.
    command = [sys.executable, "-m", "gateway", "keys"]
    made = await asyncio.to_thread(
        subprocess.run,
        [*command, "create", "bob", "--file", str(file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=processes.CHECKOUT,
    )
    bob = made.stdout.strip()
    assert await wait_for(http, bob, 200) < SECONDS
    await asyncio.to_thread(
        subprocess.run, [*command, "revoke", "bob", "--file", str(file)], check=True, cwd=processes.CHECKOUT
    )
    assert await wait_for(http, bob, 401) < SECONDS
    # Revoked over HTTP: refused by both at once.
    path = f"/api/admin/keys/{created['id']}"
    async with http.delete(path, headers=bearer(OPERATOR.text())) as response:
        assert (await response.json())["gateways"] == {"applied": 2, "failed": []}
    assert await statuses(http, created["key"]) == {401}
    assert [key.name for key in read_keys(file)] == ["ops"]
    async with http.post("/api/admin/reload", headers=bearer(OPERATOR.text())) as response:
        assert (await response.json())["gateways"] == {"applied": 2, "failed": []}
    workers.wait_for(r"admin: key:ops at 127\.0\.0\.1: reload")
    assert re.search(r"admin: key:ops at 127\.0\.0\.1: key\.create name=alice id=\w{8}", workers.output)
    for secret in (OPERATOR.secret, created["key"].split("_", 2)[2], bob.split("_", 2)[2]):
        assert secret not in workers.output
