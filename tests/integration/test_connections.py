"""Connections to providers, with real processes: few open files, and DNS servers that do not answer."""

import asyncio
import os
import resource
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.integration import processes
from tests.integration.processes import Server

FILES = 96
"""Enough for the gateway itself, and for few calls."""

CALLS = 150


async def start(session: aiohttp.ClientSession, server: Server, model: str) -> str:
    """Start a generation, and return its URL."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    async with session.post(f"{server.url}/api/generations", json=body) as response:
        assert response.status == 201, await response.text()
        return f"{server.url}/api/generations/{(await response.json())['id']}"


async def snapshot(session: aiohttp.ClientSession, url: str) -> dict[str, object]:
    async with session.get(url) as response:
        found: dict[str, object] = await response.json()
        return found


async def test_a_process_without_free_files_answers_health_checks_and_blames_no_provider() -> None:
    settings = {"max_concurrent": 0, "max_queue": 0, "rate_limit_per_minute": 0, "on_disconnect": "continue"}
    with (
        processes.simulator() as simulator,
        processes.gateway("--upstream", f"{simulator.url}/v1", max_attempts=1, **settings) as server,
    ):
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
            urls = [await start(session, server, "sim?ttft=20000") for _ in range(CALLS)]
            ended = [await snapshot(session, url) for url in urls]
            for _ in range(10):
                async with session.get(f"{server.url}/health", headers={"Connection": "close"}) as response:
                    assert response.status == 200
    failed = [generation for generation in ended if generation["state"] == "error"]
    assert 0 < len(failed) < CALLS
    assert "Too many open files" in server.output
    assert server.output.count("Too many open files") == 1
    assert "circuit" not in server.output


async def test_clients_of_a_process_without_free_files_are_refused_and_not_reset() -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    settings = {"max_connections": 1000, "max_connections_per_address": 0}
    lines, writers = [], []
    with processes.gateway(**settings) as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        for _ in range(FILES + 10):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writers.append(writer)
            writer.write(request)
            lines.append(await reader.readline())
        for writer in writers:
            writer.close()
    assert {line.split(b" ")[1] for line in lines} == {b"200", b"503"}
    assert server.output.count("too many files open") == 1


def in_network_of(folder: Path, command: Sequence[str]) -> Sequence[str]:
    """Return a command that runs another one with a hosts file and a resolv.conf of its own."""
    files = {"hosts": "127.0.0.1 localhost good.internal\n", "resolv.conf": "nameserver 127.0.0.9\noptions timeout:5\n"}
    for name, content in files.items():
        (folder / name).write_text(content)
    binds = " && ".join(f"mount --bind {folder / name} /etc/{name}" for name in files)
    return ["unshare", "--mount", "sh", "-c", f'{binds} && exec "$0" "$@"', *command]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, and unshare")
async def test_names_that_are_not_resolved_hold_up_no_other_provider(tmp_path: Path) -> None:
    """What is compared is an order: the dead names are still being resolved when the other answer is complete."""
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind(("127.0.0.9", 53))
    with dns, processes.simulator() as simulator:
        port = simulator.url.rpartition(":")[2]
        dead = [f"dead{number}" for number in range(8)]
        hosts = {"good": "good.internal", **{name: f"{name}.example" for name in dead}}
        config = tmp_path / "dualstream.toml"
        config.write_text(
            'on_disconnect = "continue"\nconnect_timeout = 120\n'
            + "".join(
                f'[providers.p-{name}]\nbase_url = "http://{host}:{port}/v1"\n'
                f'[models.{name}]\nprovider = "p-{name}"\nupstream_model = "sim-instant"\n'
                for name, host in hosts.items()
            )
        )
        command = in_network_of(
            tmp_path, [sys.executable, "-m", "gateway", "serve", "--port", "0", "--config", str(config)]
        )
        with processes.serving(
            command, r"Dualstream listens on (http://\S+)", {"DUALSTREAM_DRAIN_TIMEOUT": "0"}
        ) as server:
            async with aiohttp.ClientSession() as session, asyncio.timeout(60):
                waiting = [await start(session, server, name) for name in dead]
                url = await start(session, server, "good")
                while (await snapshot(session, url))["state"] != "complete":
                    await asyncio.sleep(0.02)
                states = {(await snapshot(session, other))["state"] for other in waiting}
    assert states == {"connecting"}
    # Threads that still resolve do not delay the end of the process, either: it was not killed.
    assert server._process.returncode == 0
