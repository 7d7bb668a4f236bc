"""Three gateways behind nginx are restarted one after the other while clients read: no client notices."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.client import AsyncClient, TransportName
from gateway.protocol.errors import GatewayError
from tests.integration.browser import read_json, wait_until
from tests.integration.npm import node22
from tests.integration.processes import Process, Server, serving
from tests.integration.starts import free_port
from tests.integration.test_nginx import Nginx, read_text, running_nginx

MODEL: Final = "sim?ttft=0&speed=150&length=400&language=vietnamese&seed={}"
READERS: Final = 15
TRANSPORTS: Final[tuple[TransportName, ...]] = ("sse", "ws", "poll")

JAVASCRIPT: Final = """
import { Dualstream } from "./static/dualstream.js";

const [, baseURL, model, readers] = process.argv;
const results = [];
let isStopping = false;
process.on("SIGTERM", () => { isStopping = true; });

async function read(number) {
  const client = new Dualstream({ baseURL, transport: number % 2 ? "sse" : "websocket" });
  for (let count = 0; !isStopping; count += 1) {
    const seeded = model.replace("{}", String(1_000_000 + number * 1000 + count));
    const answer = client.start({ prompt: "Hello", model: seeded });
    for await (const event of answer) void event;
    results.push({ model: seeded, text: answer.text, state: answer.state });
  }
  client.close();
}

console.log("begun");
await Promise.all(Array.from({ length: Number(readers) }, (_, number) => read(number)));
console.log(JSON.stringify(results));
"""


@contextmanager
def replica(port: int, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run one of the gateways."""
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port)]
    with serving(command, r"Dualstream listens on (http://\S+)", settings) as server:
        yield server


class Replicas:
    """The gateways, each at a port of its own."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.urls = [f"http://127.0.0.1:{free_port()}" for _ in range(3)]
        self._settings = settings
        self._stack = ExitStack()
        with ThreadPoolExecutor() as threads:
            self._running = [*threads.map(self._start, self.urls)]

    def close(self) -> None:
        for server in self._running:
            # All at once: each takes a second to send its viewers away.
            os.kill(server.pid, signal.SIGTERM)
        self._stack.close()

    def restart(self, index: int) -> None:
        """Send SIGTERM to a gateway, start another one at its port at once, and wait until the first one has ended."""
        former, url = self._running[index], self.urls[index]
        os.kill(former.pid, signal.SIGTERM)
        wait_until(lambda: not _listens(url), lambda: former.output)
        self._running[index] = self._start(url)
        assert former.wait(40) == 0, former.output

    def _start(self, url: str) -> Server:
        return self._stack.enter_context(replica(int(url.rpartition(":")[2]), self._settings))


def _listens(url: str) -> bool:
    try:
        read_json(f"{url}/ready")
    except OSError:
        return False
    return True


@pytest.fixture
def replicas(redis_url: str, simulator: Server) -> Iterator[Replicas]:
    settings = {
        "DUALSTREAM_STORE": redis_url,
        "DUALSTREAM_STORE_PREFIX": "rolling",
        "DUALSTREAM_UPSTREAM": f"{simulator.url}/v1",
        "DUALSTREAM_MAX_CONCURRENT": "0",
        "DUALSTREAM_RATE_LIMIT_PER_MINUTE": "0",
        "DUALSTREAM_TRUSTED_PROXIES": "127.0.0.1",
        "DUALSTREAM_DRAIN_TIMEOUT": "30",
    }
    running = Replicas(settings)
    yield running
    running.close()


@pytest.fixture
def nginx(replicas: Replicas, tmp_path: Path) -> Iterator[Nginx]:
    with running_nginx(*replicas.urls, folder=tmp_path / "nginx") as server:
        yield server


@asynccontextmanager
async def reading(url: str, upstream: str, stopping: asyncio.Event) -> AsyncIterator[list[str]]:
    """Read answers one after the other on all transports; yield what went wrong."""
    problems: list[str] = []

    async def read(number: int) -> None:
        transport, count = TRANSPORTS[number % len(TRANSPORTS)], 0
        async with AsyncClient(url, transport=transport) as client:
            while not stopping.is_set():
                model = MODEL.format(number * 1000 + count)
                try:
                    answer = await client.start("Hello", model=model)
                    pieces = "".join([event.content async for event in answer if event.type == "chunk"])
                except GatewayError as error:
                    problems.append(f"{transport}: {error!r}")
                    return
                if pieces != await read_text(upstream, model):
                    problems.append(f"{transport}: another text")
                count += 1

    tasks = [asyncio.create_task(read(number)) for number in range(READERS)]
    yield problems
    stopping.set()
    await asyncio.gather(*tasks)


@asynccontextmanager
async def reading_javascript(url: str, upstream: str) -> AsyncIterator[None]:
    """Read answers one after the other with the JavaScript client; then check each of them."""
    command = [node22(), "--input-type=module", "-e", JAVASCRIPT, url, MODEL, "6"]
    process = Process(command, os.environ)
    try:
        process.wait_for("begun")
        yield
        os.kill(process.pid, signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0, process.output
    finally:
        process.end()
    results = json.loads(process.output.splitlines()[-1])
    assert {result["state"] for result in results} == {"complete"}
    for result in results:
        assert result["text"] == await read_text(upstream, result["model"])


async def test_no_client_notices_a_rolling_restart(nginx: Nginx, replicas: Replicas, simulator: Server) -> None:
    stopping, upstream = asyncio.Event(), f"{simulator.url}/v1"
    async with reading(nginx.url, upstream, stopping) as problems, reading_javascript(nginx.url, upstream):
        await asyncio.sleep(1)
        for index in range(3):
            await asyncio.to_thread(replicas.restart, index)
            assert not problems
    assert not problems
