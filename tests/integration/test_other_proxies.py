"""What test_nginx.py proves of nginx, of HAProxy and Caddy with the configurations that are included."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from io import BytesIO
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.client import AsyncClient, TransportName
from gateway.config import Settings
from tests.integration.processes import Server, TcpProxy, gateway
from tests.integration.proxies import PROXIES, balanced
from tests.integration.servers import simulator_process
from tests.integration.test_nginx import (
    BRIEF,
    LONG,
    TRANSPORTS,
    WORDS,
    Provider,
    check_each_word_arrives,
    check_limits_by_address,
    count_closed_calls,
    get,
    read_text,
    running_gateway,
    session,
    viewing,
    wait_until_closed,
)
from tests.served.viewers import TIMEOUT

NAMES = ("haproxy", "caddy")
INSTANT = "sim-instant?length=20&seed=1"
MOVED = "sim?ttft=0&speed=60&length=150&seed=1"
CLIENT_TRANSPORTS: tuple[TransportName, ...] = ("sse", "ws", "poll")
SHARED = {"max_concurrent": 0, "rate_limit_per_minute": 0, "trusted_proxies": "127.0.0.1", "drain_timeout": 10}


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with simulator_process() as base_url:
        yield base_url


@pytest.fixture(scope="module", params=NAMES)
def proxy(request: pytest.FixtureRequest, upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("proxies") / request.param
    with running_gateway(upstream) as running, PROXIES[request.param](running, folder, own_pages=True) as server:
        yield server


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", NAMES)
async def test_each_word_arrives_before_the_next_is_sent(name: str, transport: str, tmp_path: Path) -> None:
    provider = Provider()
    async with provider.listening() as upstream:
        with running_gateway(upstream) as running, PROXIES[name](running, tmp_path / name, own_pages=True) as server:
            async with viewing(transport, server.url) as viewer:
                await check_each_word_arrives(viewer, provider, running)
                provider.end()
                assert (await viewer.to_end())[-1]["type"] == "complete"
                assert viewer.text == "".join(WORDS)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", NAMES)
async def test_heartbeats_keep_a_silent_stream(name: str, transport: str, upstream: str, tmp_path: Path) -> None:
    """HAProxy's limits are shortened to four heartbeats, and the silence lasts for twenty; Caddy has no such limits."""
    silent = {"messages": BRIEF["messages"], "model": "sim?ttft=4000&length=20&speed=0"}
    changes = {"75s": "800ms"}
    with (
        running_gateway(upstream, heartbeat=0.2) as running,
        PROXIES[name](running, tmp_path / name, own_pages=True, changes=changes if name == "haproxy" else {}) as server,
    ):
        async with viewing(transport, server.url) as viewer:
            await viewer.start(silent)
            assert (await viewer.to_end())[-1]["type"] == "complete"


async def test_a_disconnect_closes_the_call_of_the_provider(upstream: str, proxy: Server) -> None:
    for transport in TRANSPORTS:
        before = await count_closed_calls(upstream)
        async with viewing(transport, proxy.url) as viewer:
            await viewer.start({**LONG, "options": {"on_disconnect": "cancel"}})
            await viewer.until("chunk")
            await viewer.leave()
            await wait_until_closed(upstream, before)


async def test_a_long_prompt_in_the_url_passes_and_is_not_logged(proxy: Server) -> None:
    query = {"prompt": "secret " * 3000, "model": "sim-instant"}
    async with (
        session(proxy.url) as http,
        http.get("/api/chat/stream", params=query, headers={"Accept": "text/event-stream"}) as response,
    ):
        assert response.status == 200
        assert b"event: complete" in await response.read()
    await asyncio.to_thread(proxy.wait_for, "/api/chat/stream")
    assert "secret" not in proxy.output


async def test_a_body_of_the_largest_size_passes(proxy: Server) -> None:
    body = orjson.dumps({**BRIEF, "messages": [{"role": "user", "content": "x" * (Settings().max_body_bytes - 1000)}]})
    headers = {"Content-Type": "application/json"}
    async with (
        session(proxy.url) as http,
        http.post("/api/chat/stream", data=BytesIO(body), headers=headers) as response,
    ):
        assert response.status == 200
        assert b"event: complete" in await response.read()


async def test_our_page_is_allowed_on_any_port_and_other_origins_are_not(proxy: Server) -> None:
    async with session(proxy.url) as http:
        async with http.ws_connect("/api/ws", origin=proxy.url) as socket:
            await socket.send_json({"type": "ping"})
            assert (await socket.receive_json())["type"] == "pong"
        async with http.ws_connect("/api/ws", origin="https://elsewhere.example") as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4403


@pytest.mark.parametrize("name", NAMES)
async def test_each_client_has_its_own_limits_and_cannot_claim_another_address(
    name: str, upstream: str, tmp_path: Path
) -> None:
    with (
        running_gateway(upstream, rate_limit_per_minute=1, rate_limit_burst=1) as running,
        PROXIES[name](running, tmp_path / name, own_pages=True) as server,
    ):
        await check_limits_by_address(server.url)


async def test_a_refusal_of_the_gateway_keeps_its_status_and_body(proxy: Server) -> None:
    async with asyncio.timeout(TIMEOUT), session(proxy.url) as http:
        async with http.get("/api/generations/g_unknown") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (404, "generation_lost")
        async with http.get("/api/generations/g_unknown/events", headers={"Accept": "text/event-stream"}) as response:
            assert (await response.text()).startswith("event: error\ndata: ")


@pytest.mark.parametrize("name", NAMES)
async def test_a_broken_response_is_never_a_complete_one(name: str, upstream: str, tmp_path: Path) -> None:
    """HAProxy breaks it for the client; Caddy 2.6 ends it properly, but without a terminal event."""
    with (
        running_gateway(upstream) as running,
        TcpProxy(running) as link,
        PROXIES[name](link.url, tmp_path / name, own_pages=True) as server,
    ):
        async with session(server.url) as http, http.post("/api/chat/stream", json=LONG) as response:
            read = await response.content.readany()
            link.cut()
            try:
                read += await response.content.read()
                is_broken = False
            except aiohttp.ClientPayloadError:
                is_broken = True
    assert b"event: complete" not in read
    assert b"event: error" not in read
    assert is_broken or name == "caddy"


async def test_clients_of_a_gateway_that_ends_resume_on_another_one(
    upstream: str, redis_url: str, tmp_path: Path
) -> None:
    """Of three gateways, one ends while clients start and read: no text is left out or doubled, no start refused."""
    settings = {**SHARED, "store": redis_url, "store_prefix": "other-proxies"}
    starts = [gateway("--upstream", upstream, **settings) for _ in range(3)]
    with ExitStack() as stack:
        servers = await asyncio.gather(*(asyncio.to_thread(stack.enter_context, start) for start in starts))
        urls = [server.url for server in servers]
        proxies = [
            PROXIES[name](urls[0], tmp_path / name, own_pages=True, changes=balanced(name, urls)) for name in NAMES
        ]
        async with AsyncExitStack() as clients:
            reading, starting = list[asyncio.Task[str]](), list[AsyncClient]()
            for url in [stack.enter_context(proxy).url for proxy in proxies]:
                starting.append(await clients.enter_async_context(AsyncClient(url)))
                for transport in CLIENT_TRANSPORTS * 3:
                    client = await clients.enter_async_context(AsyncClient(url, transport=transport))
                    reading.append(asyncio.create_task(read_whole(client, MOVED)))
            while (await get(f"{urls[0]}/api/stats"))["viewers"] == 0:
                await asyncio.sleep(0.02)
            os.kill(servers[0].pid, signal.SIGTERM)
            brief = await read_text(upstream, INSTANT)
            while not all(task.done() for task in reading):
                assert [await read_whole(client, INSTANT) for client in starting] == [brief, brief]
                await asyncio.sleep(0.05)
            assert set(await asyncio.gather(*reading)) == {await read_text(upstream, MOVED)}


async def read_whole(client: AsyncClient, model: str) -> str:
    """Start an answer; return all of its text."""
    answer = await client.start("Hello", model=model)
    return "".join([event.content async for event in answer if event.type == "chunk"])
