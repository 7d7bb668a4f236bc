"""`/metrics` of real processes: read by Prometheus's own tool, and of several workers that are killed and replaced."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import aiohttp
import orjson

from gateway.telemetry.metrics.names import METRICS
from tests.integration import processes
from tests.integration.processes import Server, program
from tests.integration.test_processes import BODY

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "metrics.md"
KEY = "0123456789abcdef"
SECONDS = 30
INSTANT = {**BODY, "model": "sim-instant"}

_databases = count(200)


@contextmanager
def gateway(*arguments: str, **settings: object) -> Iterator[Server]:
    with processes.gateway(*arguments, rate_limit_per_minute=0, metrics_key=KEY, **settings) as server:
        yield server


def session() -> aiohttp.ClientSession:
    """Return a client each of whose requests may reach any worker."""
    connector, timeout = aiohttp.TCPConnector(force_close=True), aiohttp.ClientTimeout(SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, headers={"Authorization": f"Bearer {KEY}"})


async def scrape(http: aiohttp.ClientSession, server: Server, accept: str = "") -> str:
    async with http.get(f"{server.url}/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        return await response.text()


async def total(http: aiohttp.ClientSession, server: Server, name: str) -> float:
    """Return the sum of all series of a metric."""
    text = await scrape(http, server)
    return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE))


async def both_workers(http: aiohttp.ClientSession, server: Server) -> None:
    """Wait until another worker runs in place of one that has ended."""
    await asyncio.to_thread(server.wait_for, r"worker \d+ listens")
    async with asyncio.timeout(SECONDS):
        while await total(http, server, "dualstream_workers") < 2:
            await asyncio.sleep(0.05)


async def complete(http: aiohttp.ClientSession, server: Server) -> None:
    async with http.post(f"{server.url}/api/chat/stream", json=INSTANT) as response:
        assert b"event: complete" in await response.read()


def check(tool: str, text: str) -> list[str]:
    """Return what promtool says of metrics."""
    run = subprocess.run(
        [tool, "check", "metrics"], check=False, input=text, capture_output=True, text=True, timeout=SECONDS
    )
    return [line for line in (run.stdout + run.stderr).splitlines() if line]


async def test_prometheus_finds_no_fault() -> None:
    promtool = program("promtool")
    with gateway() as server:
        async with session() as http:
            await complete(http, server)
            async with http.post(f"{server.url}/api/chat/stream", json={**BODY, "model": "none"}) as response:
                assert response.status == 404
            text = await scrape(http, server)
    assert check(promtool, text) == []
    assert "dualstream_chunk_delay_seconds_count" in text
    # What it says of a name that is wrong.
    assert check(promtool, "# TYPE aB counter\naB 1\n")


async def test_all_workers_are_shown_and_no_counter_goes_backwards(redis_url: str) -> None:
    ended = "dualstream_generations_ended_total"
    with gateway("--workers", "2", store=f"{redis_url}/{next(_databases) % 16}") as server:
        pids = [int(pid) for pid in server.wait_for(r"Workers: \d+ \(processes (.*)\)").group(1).split(", ")]
        async with session() as http:
            for done in range(1, 7):
                await complete(http, server)
                assert await total(http, server, ended) == done
            assert await total(http, server, "dualstream_workers") == 2
            os.kill(pids[0], signal.SIGKILL)
            await both_workers(http, server)
            assert await total(http, server, ended) == 6
            # It sends what it has counted before it ends.
            os.kill(pids[1], signal.SIGTERM)
            await asyncio.to_thread(server.wait_for, rf"worker {pids[1]} ended with code 0")
            await complete(http, server)
            assert await total(http, server, ended) == 7


def test_the_queries_of_the_page_can_be_read_and_name_metrics_that_there_are(tmp_path: Path) -> None:
    blocks = re.findall(r"```promql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    queries = ["\n".join(line for line in block.splitlines() if not line.startswith("#")) for block in blocks]
    assert len(queries) >= 10
    samples = {metric.sample for metric in METRICS.values()}
    labels = {label for metric in METRICS.values() for label in metric.labels}
    for query in queries:
        for name in re.findall(r"\b(?:dualstream|gen_ai|process)_\w+", query):
            assert {name, re.sub(r"_(bucket|sum|count)$", "", name)} & (samples | labels), name
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    # JSON is YAML.
    file = tmp_path / "rules.yaml"
    file.write_bytes(orjson.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    run = subprocess.run(
        [program("promtool"), "check", "rules", str(file)], check=False, capture_output=True, text=True, timeout=SECONDS
    )
    assert run.returncode == 0, run.stdout + run.stderr
