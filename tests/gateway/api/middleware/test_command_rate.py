"""The limit of commands per second, and interrupts beyond it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.config import Settings
from gateway.security.authenticator import ApiKeyScheme
from tests.served.clients import BODY, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import JsonObject, WebSocketViewer, until
from tests.shared_store import TEST_STORE

__all__ = ["clients", "keys_file", "protocols"]

BURST = 6
"""Commands that are accepted at once: twice the rate per second."""


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    return with_keys(settings, keys_file).model_copy(update={"max_commands_per_second": BURST // 2})


async def status_of(session: aiohttp.ClientSession, method: str, path: str, body: JsonObject | None = None) -> int:
    async with session.request(method, path, json=body) as response:
        await response.read()
        return response.status


JSON = {"Content-Type": "application/json"}


async def never_ending() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def test_requests_beyond_the_rate_are_refused_until_retry_after(clients: Clients, served: Served) -> None:
    alice = clients.named("alice")
    assert [await status_of(alice, "GET", "/api/models") for _ in range(BURST)] == [200] * BURST
    async with alice.get("/api/models") as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "1")
        error = (await response.json())["error"]
    assert (error["code"], error["retryable"]) == ("rate_limit", True)
    assert error["retry_after_ms"] == 334
    assert await status_of(clients.named("bob"), "GET", "/api/models") == 200
    served.clock.advance(error["retry_after_ms"] / 1000)
    assert await status_of(alice, "GET", "/api/models") == 200
    assert await status_of(alice, "GET", "/api/models") == 429


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/generations/g_x"),
        ("POST", "/api/generations/g_x/interrupt"),
        ("POST", "/api/generations/g_x/feedback"),
        ("POST", "/api/tickets"),
        ("GET", "/api/stats"),
        ("GET", "/v1/models"),
    ],
)
async def test_every_other_request_is_counted(clients: Clients, method: str, path: str) -> None:
    alice = clients.named("alice")
    for _ in range(BURST):
        assert await status_of(alice, method, path) != 429
    assert await status_of(alice, method, path) == 429
    assert await status_of(clients.session(None), "GET", "/health") == 200


@pytest.mark.parametrize("path", ["/api/generations", "/api/chat/stream"])
async def test_starts_are_counted_even_if_they_are_not_valid(clients: Clients, served: Served, path: str) -> None:
    alice = clients.named("alice")
    assert [await status_of(alice, "POST", path, {"nonsense": 1}) for _ in range(BURST)] == [400] * BURST
    assert await status_of(alice, "POST", path, BODY) == 429
    assert served.hub.statistics.started == 0


async def test_reconnecting_to_a_stream_is_not_counted(clients: Clients, served: Served) -> None:
    alice = clients.named("alice")
    async with alice.post("/api/generations", json=BODY) as started:
        generation_id = (await started.json())["id"]
    for _ in range(2 * BURST):
        async with alice.get(f"/api/generations/{generation_id}/events") as response:
            assert response.status == 200
    assert await status_of(alice, "GET", "/api/models") == 200


async def test_an_invalid_interrupt_is_counted(clients: Clients, served: Served) -> None:
    alice = clients.named("alice")
    async with alice.post("/api/generations", json=BODY) as started:
        path = f"/api/generations/{(await started.json())['id']}/interrupt"
    # The burst, and as many again, are only counted.
    max_commands = 2 * BURST
    statuses = [await status_of(alice, "POST", path, {"nonsense": 1}) for _ in range(max_commands)]
    assert statuses == [400] * (max_commands - 1) + [429]
    served.clock.advance(1)
    assert await status_of(alice, "POST", path) == 202


async def test_an_effective_interrupt_is_accepted_beyond_the_rate(clients: Clients, served: Served) -> None:
    alice = clients.named("alice")
    started = []
    for _ in range(BURST):
        async with alice.post("/api/generations", json=BODY) as response:
            started.append((await response.json())["id"])
    while await status_of(alice, "GET", "/api/models") == 200:
        pass
    for generation_id in started:
        assert await status_of(alice, "POST", f"/api/generations/{generation_id}/interrupt") == 202
    await until(lambda: served.hub.statistics.interrupted == len(started))
    # An interrupt without effect is counted like any command, also for a generation of someone else.
    assert await status_of(alice, "POST", f"/api/generations/{started[0]}/interrupt") == 429
    bob = clients.named("bob")
    async with bob.post("/api/generations", json=BODY) as response:
        foreign = (await response.json())["id"]
    assert await status_of(alice, "POST", f"/api/generations/{foreign}/interrupt") == 429


async def test_an_interrupt_without_effect_is_refused_beyond_the_rate_before_its_body_is_read(
    clients: Clients, served: Served
) -> None:
    alice = clients.named("alice")
    async with alice.post("/api/generations", json=BODY) as response:
        running = f"/api/generations/{(await response.json())['id']}/interrupt"
    async with alice.post("/api/generations", json=BODY) as response:
        stopped = f"/api/generations/{(await response.json())['id']}/interrupt"
    assert await status_of(alice, "POST", stopped) == 202
    while await status_of(alice, "GET", "/api/models") == 200:
        pass
    for path in (stopped, "/api/generations/g_unknown/interrupt"):
        for _ in range(2 * BURST):
            assert await status_of(alice, "POST", path, {"nonsense": 1}) == 429
            assert await status_of(alice, "POST", path) == 429
        with pytest.raises(TimeoutError):
            # A body that never ends is not waited for: the refusal comes first, and the connection closes.
            async with asyncio.timeout(5), alice.post(path, data=never_ending(), headers=JSON) as response:
                assert response.status == 429
                raise TimeoutError
    # None of them has used up what is left for interrupts that take effect.
    assert await status_of(alice, "POST", running) == 202


async def test_an_effective_interrupt_within_the_rate_is_not_counted(clients: Clients, served: Served) -> None:
    alice = clients.named("alice")
    started = []
    for _ in range(BURST - 1):
        async with alice.post("/api/generations", json=BODY) as response:
            started.append((await response.json())["id"])
    for generation_id in started:
        assert await status_of(alice, "POST", f"/api/generations/{generation_id}/interrupt") == 202
    await until(lambda: served.hub.statistics.interrupted == len(started))
    assert [await status_of(alice, "GET", "/api/models") for _ in range(2)] == [200, 429]


async def test_a_socket_is_refused_and_continues_after_waiting(clients: Clients, served: Served) -> None:
    viewer = WebSocketViewer(clients.named("alice"))
    for _ in range(BURST):
        assert (await viewer.command(type="ping"))["type"] == "pong"
    rejected = await viewer.command(type="ping")
    assert (rejected["type"], rejected["code"], rejected["retryable"]) == ("rejected", "rate_limit", True)
    assert rejected["retry_after_ms"] == 667
    served.clock.advance(0.667)
    assert (await viewer.command(type="ping"))["type"] == "pong"
    other = WebSocketViewer(clients.named("alice"))
    for _ in range(BURST):
        assert (await other.command(type="ping"))["type"] == "pong"
    for opened in (viewer, other):
        await opened.leave()


@pytest.mark.parametrize(
    "text", ['{"type":"ping"}', '{"type":"dance","id":1}', '{"type":"interrupt","generation_id":"g"}']
)
async def test_a_socket_that_keeps_sending_is_closed(clients: Clients, text: str) -> None:
    async with clients.named("alice").ws_connect("/api/ws") as socket, asyncio.timeout(10):
        for _ in range(2 * BURST):
            await socket.send_str(text)
        answers = []
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            answers.append(message.json())
        assert socket.close_code == 4429
    # Beside a store, commands may still look for their generation when the socket is closed: in memory, the last one.
    expected = {"": 2 * BURST, "memory": 2 * BURST - 1}.get(TEST_STORE, 0)
    assert len(answers) >= expected


async def test_commands_before_the_hello_are_counted(clients: Clients) -> None:
    async with clients.session(None).ws_connect("/api/ws") as socket, asyncio.timeout(10):
        for number in range(2 * BURST):
            await socket.send_json({"type": "ping", "id": number})
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == 4429


async def test_an_effective_interrupt_on_a_socket_is_accepted_beyond_the_rate(clients: Clients, served: Served) -> None:
    viewer = WebSocketViewer(clients.named("alice"))
    started = [await viewer.command(type="start", **BODY) for _ in range(BURST)]
    for _ in range(BURST - 1):
        assert (await viewer.command(type="ping"))["code"] == "rate_limit"
    for start in started:
        answer = await viewer.command(type="interrupt", generation_id=start["generation_id"])
        assert answer["type"] == "ack"
    await until(lambda: served.hub.statistics.interrupted == BURST)
    answer = await viewer.command(type="interrupt", generation_id=started[0]["generation_id"])
    assert answer["code"] == "rate_limit"
    await viewer.leave()


async def test_an_interrupt_on_a_socket_whose_key_was_revoked_says_so_beyond_the_rate(
    clients: Clients, served: Served
) -> None:
    viewer = WebSocketViewer(clients.named("alice"))
    start = await viewer.command(type="start", **BODY)
    while (await viewer.command(type="ping"))["type"] == "pong":
        pass
    served.reloader._authenticator.replace_schemes([ApiKeyScheme([])])
    answer = await viewer.command(type="interrupt", generation_id=start["generation_id"])
    # Not `rate_limit`: waiting would not help.
    assert (answer["code"], answer["retryable"]) == ("auth_error", False)
    await viewer.leave()
