"""The `dualstream` command, with real processes, signals and sockets."""

import asyncio
import ipaddress
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.integration import processes
from tests.integration.servers import running

BODY = {"messages": [{"role": "user", "content": "Hello"}]}
ENDLESS_MODEL = "sim?speed=200&length=1000000&ttft=0"
ENDLESS = {**BODY, "model": ENDLESS_MODEL}


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def stats(http: aiohttp.ClientSession, address: str) -> dict[str, int]:
    async with http.get(f"{address}/api/stats") as response:
        statistics: dict[str, int] = await response.json()
        return statistics


def test_the_command_prints_its_name_and_version() -> None:
    script = Path(sys.executable).parent / "dualstream"
    for arguments in ([str(script)], [sys.executable, "-m", "gateway"]):
        done = subprocess.run([*arguments, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("dualstream 0.")


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (("serve", "--port", "99999"), {}, 2, "--port: must be less than or equal to 65535"),
        (("serve", "--upstream", "nowhere"), {}, 2, "--upstream: "),
        (("serve", "--config", "/nonexistent.toml"), {}, 2, "can't be read"),
        (("serve",), {"DUALSTREAM_PORT": "tcp://10.0.0.1:80"}, 2, "DUALSTREAM_PORT: "),
        (("dance",), {}, 2, "invalid choice"),
        ((), {}, 2, "required"),
    ],
)
def test_invalid_arguments_are_reported_without_a_traceback(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, message: str
) -> None:
    done = command(*arguments, **environment)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_in_use_is_reported_without_a_traceback() -> None:
    with running("simulate", "--port", "0") as (_, address):
        port = address.removesuffix("/v1").rpartition(":")[2]
        for subcommand in ("serve", "simulate"):
            done = command(subcommand, "--port", port)
            assert done.returncode == 1
            assert f"can't listen on 127.0.0.1:{port}" in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_it_does_not_start_without_keys_on_an_address_that_others_can_reach(host: str) -> None:
    done = command("serve", "--port", "0", "--host", host)
    assert done.returncode == 2
    assert f"would listen on {host}, which others can reach" in done.stderr
    for remedy in ("dualstream keys create NAME", "--host 127.0.0.1", "--insecure"):
        assert remedy in done.stderr
    assert "listens on" not in done.stdout
    assert "Traceback" not in done.stderr


def test_a_host_name_is_resolved() -> None:
    with running("serve", "--port", "0", "--host", "localhost") as (_, address):
        assert address.startswith("http://127.0.0.1:")
    host = socket.gethostname()
    if not ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
        done = command("serve", "--port", "0", "--host", host)
        assert done.returncode == 2
        assert "where others reach it" in done.stderr


async def test_insecure_allows_it_to_start_without_keys(http: aiohttp.ClientSession) -> None:
    with processes.gateway("--host", "0.0.0.0", "--insecure") as server:
        assert "insecure: everyone who reaches 0.0.0.0 may use this gateway" in server.output
        async with http.get(f"{server.url}/api/stats") as response:
            assert response.status == 200


async def test_with_keys_it_starts_on_any_address_and_requires_one(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    keys = {name: command("keys", "create", name, "--file", str(file)).stdout.strip() for name in ("alice", "bob")}
    for host in ("0.0.0.0", "127.0.0.1"):
        with processes.gateway("--host", host, keys_file=file) as server:
            url = server.url.replace("0.0.0.0", "127.0.0.1")
            for key, status in ((None, 401), ("x", 401), (keys["alice"], 200)):
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                async with http.get(f"{url}/api/models", headers=headers) as response:
                    assert response.status == status
            async with http.get(f"{url}/health") as response:
                assert response.status == 200
        assert keys["alice"] not in server.output


async def test_a_reload_refuses_a_revoked_key(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    keys = {name: command("keys", "create", name, "--file", str(file)).stdout.strip() for name in ("alice", "bob")}
    headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    with processes.gateway(keys_file=file) as server:
        stream = await http.post(f"{server.url}/api/chat/stream", json=ENDLESS, headers=headers["alice"])
        await stream.content.readany()
        assert command("keys", "revoke", "alice", "--file", str(file)).returncode == 0
        server._process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(server.wait_for, "configuration reloaded")
        for name, status in (("alice", 401), ("bob", 200)):
            async with http.get(f"{server.url}/api/models", headers=headers[name]) as response:
                assert response.status == status
        assert len(await stream.content.readexactly(4000)) == 4000
        stream.close()


@pytest.mark.parametrize("transport", ["sse", "ws"])
def test_the_chat_command_sends_its_key(tmp_path: Path, transport: str) -> None:
    file = tmp_path / "keys.toml"
    key = command("keys", "create", "alice", "--file", str(file)).stdout.strip()
    with processes.gateway(keys_file=file) as server:
        arguments = ("chat", "--url", server.url, "--transport", transport, "--model", "sim-instant", "Hello")
        assert command(*arguments, DUALSTREAM_TOKEN=key).returncode == 0
        done = command(*arguments)
        assert done.returncode == 1
        assert "requires a key" in done.stdout + done.stderr


async def test_without_keys_and_configuration_it_answers(http: aiohttp.ClientSession) -> None:
    with running("serve", "--port", "0") as (_, address):
        async with http.post(f"{address}/api/chat/stream", json={**BODY, "model": "sim-instant"}) as response:
            assert b"event: complete" in await response.read()
        async with http.get(address) as response:
            assert "script-src 'self'" in response.headers["Content-Security-Policy"]
            assert "<title>" in await response.text()
        for path in ("demo/main.js", "dualstream.js", "common/css/tokens.css"):
            async with http.get(f"{address}/static/{path}") as response:
                assert response.status == 200, path
        for path, status in (("health", "healthy"), ("ready", "ready")):
            async with http.get(f"{address}/{path}") as response:
                assert (await response.json())["status"] == status


async def test_sigterm_drains_until_the_timeout_and_exits_with_0(http: aiohttp.ClientSession) -> None:
    # Longer than all that is asked while it drains, on a busy machine too.
    environment = {"DUALSTREAM_DRAIN_TIMEOUT": "4"}
    with running("serve", "--port", "0", environment=environment) as (process, address):
        short = {**BODY, "model": "sim?speed=300&length=150&ttft=0"}
        async with (
            http.post(f"{address}/api/chat/stream", json=short) as finishing,
            http.post(f"{address}/api/chat/stream", json=ENDLESS) as endless,
            http.ws_connect(f"{address}/api/ws") as socket,
        ):
            for response in (finishing, endless):
                assert b"accepted" in await response.content.readany()
            process.send_signal(signal.SIGTERM)
            while (await http.get(f"{address}/ready")).status != 503:
                await asyncio.sleep(0)
            async with http.post(f"{address}/api/generations", json=BODY) as refused:
                assert refused.status == 503
                assert "Retry-After" in refused.headers
                assert (await refused.json())["error"]["code"] == "shutting_down"
            await socket.send_json({"type": "start", "id": 1, **BODY})
            assert (await socket.receive_json())["code"] == "shutting_down"
            assert b"event: complete" in await finishing.read()
            rest = await endless.read()
            assert b'"code":"shutting_down"' in rest
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1012
        assert await asyncio.to_thread(process.wait, 20) == 0


async def test_a_second_sigterm_exits_at_once(http: aiohttp.ClientSession) -> None:
    environment = {"DUALSTREAM_DRAIN_TIMEOUT": "600"}
    with running("serve", "--port", "0", environment=environment) as (process, address):
        async with http.post(f"{address}/api/chat/stream", json=ENDLESS) as endless:
            await endless.content.readany()
            process.send_signal(signal.SIGTERM)
            while (await http.get(f"{address}/ready")).status != 503:
                await asyncio.sleep(0)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 20) == 0


async def test_the_generation_of_a_killed_client_ends_after_the_grace(http: aiohttp.ClientSession) -> None:
    with running("serve", "--port", "0", environment={"DUALSTREAM_GRACE": "0.2"}) as (_, address):
        client = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "gateway", "chat", "--url", address, "--model", ENDLESS_MODEL, "Hello"],
            stdout=subprocess.PIPE,
        )
        assert client.stdout is not None
        assert await client.stdout.read(10)
        assert (await stats(http, address))["running"] == 1
        client.kill()
        await client.wait()
        async with asyncio.timeout(20):
            while (await stats(http, address))["running"]:
                await asyncio.sleep(0)
        ended = await stats(http, address)
        assert (ended["interrupted"], ended["active"], ended["viewers"]) == (1, 0, 0)


async def test_a_killed_upstream_is_an_error_and_a_restarted_one_is_used(http: aiohttp.ClientSession) -> None:
    with running("simulate", "--port", "0") as (upstream, base_url):
        port = base_url.removesuffix("/v1").rpartition(":")[2]
        environment = {"DUALSTREAM_MAX_ATTEMPTS": "1"}
        with running("serve", "--port", "0", "--upstream", base_url, environment=environment) as (_, address):
            async with http.post(f"{address}/api/chat/stream", json=ENDLESS) as response:
                while b"chunk" not in await response.content.readany():
                    pass
                upstream.kill()
                upstream.wait()
                rest = await response.read()
                assert b'"code":"truncated"' in rest
                assert b'"partial":true' in rest
            async with http.post(f"{address}/api/chat/stream", json=ENDLESS) as response:
                assert b'"code":"network_error"' in await response.read()
            with running("simulate", "--port", port):
                body = {**BODY, "model": "sim-instant"}
                async with http.post(f"{address}/api/chat/stream", json=body) as response:
                    assert b"event: complete" in await response.read()


FAULTS = [
    ("429", "rate_limit", True),
    ("500", "server_error", True),
    ("401", "provider_auth", False),
    ("html", "upstream_protocol", False),
    ("refuse", "network_error", True),
    ("drop", "truncated", True),
    ("truncate", "truncated", True),
    ("garbage", "upstream_protocol", True),
    ("error", "server_error", True),
    ("hugeline", "event_too_large", False),
]


async def test_each_fault_of_an_upstream_has_its_code_on_both_transports(http: aiohttp.ClientSession) -> None:
    limits = {"DUALSTREAM_MAX_ATTEMPTS": "1", "DUALSTREAM_MAX_EVENT_BYTES": str(1 << 20)}
    with running("serve", "--port", "0", environment=limits) as (_, address):
        for fault, code, retryable in FAULTS:
            body = {**BODY, "model": f"sim?fault={fault}&after=3&speed=0&ttft=0"}
            async with http.post(f"{address}/api/chat/stream", json=body) as response:
                over_sse = (await response.text()).rpartition("data: ")[2]
            async with http.ws_connect(f"{address}/api/ws") as socket:
                await socket.send_json({"type": "start", **body})
                while (event := await socket.receive_json())["type"] != "error":
                    assert event["type"] != "complete", fault
            assert (event["code"], event["retryable"]) == (code, retryable), fault
            assert f'"code":"{code}"' in over_sse, fault
            assert event["partial"] is (fault in {"drop", "truncate", "garbage", "error", "hugeline"}), fault


async def test_a_trickled_response_is_complete(http: aiohttp.ClientSession) -> None:
    with running("serve", "--port", "0") as (_, address):
        body = {**BODY, "model": "sim?fault=trickle&speed=0&ttft=0&length=200&language=emoji"}
        async with http.post(f"{address}/api/chat/stream", json=body) as response:
            text = await response.text()
        assert '"type":"complete"' in text
        assert '"chars":200' in text
