"""The start of a gateway whose store can't be used, or whose configuration is not that of the others."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.integration.processes import Process, gateway
from tests.integration.redis_server import redis_server
from tests.integration.store_faults.servers import RedisServer

SECONDS = 60.0
BODY = {"messages": [{"role": "user", "content": "Tell."}], "model": "sim-instant?length=50"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_password_ends_the_start_with_one_line(workers: int) -> None:
    with redis_server("--requirepass", "right-secret") as server:
        url = server.url.replace("redis://", "redis://:wrong-secret@")
        command = [sys.executable, "-m", "gateway", "serve", "--port", "0", "--workers", str(workers)]
        process = Process(command, {**os.environ, "DUALSTREAM_STORE": url})
        try:
            assert process.wait(SECONDS) == 2
        finally:
            process.end()
        address = server.url.removeprefix("redis://")
        assert process.output.splitlines() == [
            f"dualstream: store: Redis at {address} refuses the user name or the password: correct the URL or "
            "`store_password`"
        ]


async def test_a_gateway_may_start_before_its_store(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    with (
        gateway(store=f"redis://127.0.0.1:{redis.port}") as refusing,
        gateway(store=f"redis://127.0.0.1:{redis.port}", store_down="local") as serving,
    ):
        try:
            async with aiohttp.ClientSession() as http:
                assert await ready(http, refusing.url) == (503, "store unavailable")
                assert await ready(http, serving.url) == (200, "ready without its store")
                assert (await start(http, refusing.url))[0] == 503
                status, generation_id = await start(http, serving.url)
                assert status == 201
                assert "the store can't be used (unreachable)" in refusing.output
                redis.start()
                for server in (refusing, serving):
                    await until_ready(http, server.url)
                # It was started before there was a store, and is served by the other one now.
                async with asyncio.timeout(SECONDS):
                    while (found := await snapshot(http, refusing.url, generation_id))[0] == 503:
                        await asyncio.sleep(0.05)
                assert found == (200, "complete")
        finally:
            redis.stop()


def test_gateways_that_are_configured_differently_say_what_differs() -> None:
    with (
        redis_server() as redis,
        gateway(store=redis.url, max_concurrent=7) as first,
        gateway(store=redis.url, retention=60) as second,
    ):
        for server in (first, second):
            server.wait_for(r"is configured differently: max_concurrent, retention\.")
            assert "store_prefix" in server.output


async def ready(http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Return what `GET /ready` says."""
    async with http.get(f"{url}/ready") as response:
        return response.status, (await response.json())["status"]


async def until_ready(http: aiohttp.ClientSession, url: str) -> None:
    """Wait until a gateway can use its store."""
    async with asyncio.timeout(SECONDS):
        while await ready(http, url) != (200, "ready"):
            await asyncio.sleep(0.05)


async def start(http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Start a generation; return the status, and the id."""
    async with http.post(f"{url}/api/generations", json=BODY) as response:
        return response.status, str((await response.json()).get("id"))


async def snapshot(http: aiohttp.ClientSession, url: str, generation_id: str) -> tuple[int, str]:
    """Return the status of a snapshot, and the state in it."""
    async with http.get(f"{url}/api/generations/{generation_id}") as response:
        return response.status, str((await response.json()).get("state"))
