"""SIGHUP and `dualstream check`, with a real file, real processes and real signals."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.integration import processes
from tests.integration.processes import Server
from tests.integration.test_processes import command

ENDLESS = "sim?speed=200&length=1000000&ttft=0"
FILE = """
[providers.{provider}]
base_url = "{url}/v1"

[models."{model}"]
provider = "{provider}"
"""


Write = Callable[[str, str], Path]


def body(model: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": "Hello"}], "model": model}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        yield session


@pytest.fixture
def write(tmp_path: Path, simulator: Server) -> Write:
    def write(provider: str, model: str) -> Path:
        file = tmp_path / "dualstream.toml"
        file.write_text(FILE.format(provider=provider, url=simulator.url, model=model))
        return file

    return write


def send_sighup(server: Server) -> None:
    server._process.send_signal(signal.SIGHUP)


async def test_a_reload_drops_no_stream_and_new_starts_get_the_new_models(
    http: aiohttp.ClientSession, write: Write
) -> None:
    file = write("before", ENDLESS)
    with processes.gateway("--config", str(file)) as server:
        server.wait_for(rf"configured by {file}")
        async with http.post(f"{server.url}/api/chat/stream", json=body(ENDLESS)) as stream:
            while b"chunk" not in await stream.content.readany() and not stream.content.at_eof():
                pass
            generation_id = stream.headers["X-Generation-ID"]
            write("after", "sim-instant")
            send_sighup(server)
            await asyncio.to_thread(server.wait_for, "reloaded: models: sim-instant; changed: models, providers")
            async with http.get(f"{server.url}/v1/models") as listed:
                assert [model["id"] for model in (await listed.json())["data"]] == ["sim-instant"]
            async with http.post(f"{server.url}/api/chat/stream", json=body("sim-instant")) as response:
                text = await response.text()
                assert '"provider":"after"' in text
                assert "event: complete" in text
            async with http.post(f"{server.url}/api/generations", json=body(ENDLESS)) as refused:
                assert refused.status == 404
            # The stream of the removed upstream continues.
            before = len(await stream.content.readexactly(4000))
            file.write_text("max_queue = 'x'\n[models.new]\n")
            send_sighup(server)
            await asyncio.to_thread(
                server.wait_for, r"configuration not changed:\n.*dualstream.toml:1: max_queue: must be"
            )
            assert f"{file}:2: models.new.provider: is missing" in server.output
            async with http.post(f"{server.url}/api/chat/stream", json=body("sim-instant")) as response:
                assert "event: complete" in await response.text()
            assert before + len(await stream.content.readexactly(4000)) == 8000
            async with http.post(f"{server.url}/api/generations/{generation_id}/interrupt") as interrupted:
                assert interrupted.status == 202
            assert b"event: interrupted" in await stream.read()
    assert "Traceback" not in server.output


async def test_settings_that_require_a_restart_are_reported(write: Write) -> None:
    file = write("p", "sim-instant")
    with processes.gateway("--config", str(file)) as server:
        file.write_text(f"max_queue = 7\n{file.read_text()}")
        send_sighup(server)
        await asyncio.to_thread(server.wait_for, "changed: nothing; only a restart changes max_queue")


async def test_a_reload_can_add_the_simulator(http: aiohttp.ClientSession, write: Write) -> None:
    file = write("p", "sim-instant")
    with processes.gateway("--config", str(file)) as server:
        file.write_text('[models.sim-instant]\nprovider = "simulator"\n')
        send_sighup(server)
        await asyncio.to_thread(server.wait_for, "configuration reloaded")
        async with http.post(f"{server.url}/api/chat/stream", json=body("sim-instant")) as response:
            text = await response.text()
            assert '"provider":"simulator","upstream_model":"sim-instant"' in text
            assert "event: complete" in text


def test_check_lists_the_targets_or_the_errors(write: Write) -> None:
    file = write("p", "sim-instant")
    done = command("check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{file}: valid\nsim-instant, default\n  p: sim-instant; 127.0.0.1:")
    assert "\nBase URL for SDKs and agents: http://127.0.0.1:8080/v1 (OpenAI), " in done.stdout
    assert "warning: sim-instant: the price at p is not known" in done.stdout
    file.write_text("prot = 1\n")
    for arguments in (("check", str(file)), ("check",), ("serve", "--config", str(file))):
        done = command(*arguments, DUALSTREAM_CONFIG=str(file))
        assert done.returncode == 2
        assert f"{file}:1: prot: unknown setting: did you mean port?" in done.stderr


def test_check_live_calls_each_upstream(write: Write) -> None:
    done = command("check", str(write("p", "sim-instant")), "--live")
    assert done.returncode == 0
    assert "p: sim-instant: " in done.stdout
    assert " ms to the first token" in done.stdout
    done = command("check", str(write("p", "sim?fault=500")), "--live")
    assert done.returncode == 1
    assert "p: sim?fault=500: server_error: " in done.stdout


def test_check_without_a_file_checks_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("check", DUALSTREAM_UPSTREAM="http://10.0.0.1/v1", DUALSTREAM_MODEL="m")
    assert done.returncode == 0
    assert "The environment: valid\nm, default\n  upstream: m; 10.0.0.1; no key; price unknown\n" in done.stdout
    assert "warning: upstream: plain http to 10.0.0.1" in done.stdout
