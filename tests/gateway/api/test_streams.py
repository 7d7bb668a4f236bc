"""Limits of open streams: which streams are refused, and that every stream is released, however it ends."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, socket

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from gateway.protocol.errors import Code, Failed
from gateway.protocol.event_stream import EventStreamDecoder
from tests.gateway.security.issuer import token
from tests.served.clients import BODY, KEYS, Clients, clients, keys_file, protocols, with_keys
from tests.served.gateway import Served
from tests.served.viewers import VIEWERS, HttpViewer, JsonObject, PollViewer, ViewingClient, WebSocketViewer, until

__all__ = ["clients", "keys_file", "protocols"]

EVENTS = {"Accept": "text/event-stream"}
HELLO: JsonObject = {"type": "hello", "id": 1, "token": KEYS["alice"].text()}


@pytest.fixture
def settings(settings: Settings, keys_file: Path) -> Settings:
    limits = {"max_streams_per_client": 2, "max_streams_per_address": 4}
    return with_keys(settings, keys_file).model_copy(update=limits)


async def read(clients: Clients, served: Served, name: str, kind: str = "sse") -> ViewingClient:
    """Start a generation and read it."""
    viewer = clients.viewer(kind, name)
    before = served.streams.open
    await viewer.start(BODY)
    assert served.streams.open == before + 1
    return viewer


@asynccontextmanager
async def socket_of(session: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with session.ws_connect("/api/ws") as socket, asyncio.timeout(10):
        yield socket


async def closing(socket: aiohttp.ClientWebSocketResponse) -> tuple[int | None, str]:
    """Wait until a WebSocket is closed; return its close code and reason."""
    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
        pass
    return socket.close_code, str(message.extra)


async def refused_over_http(session: aiohttp.ClientSession, path: str) -> dict[str, object]:
    async with session.post(path, json=BODY) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "5"
        error: dict[str, object] = (await response.json())["error"]
        return error


@pytest.mark.parametrize("path", ["/api/chat/stream", "/api/chat/ndjson"])
async def test_a_refused_stream_starts_nothing(clients: Clients, served: Served, path: str) -> None:
    first, second = await read(clients, served, "alice"), await read(clients, served, "alice", "websocket")
    error = await refused_over_http(clients.named("alice"), path)
    assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("rate_limit", True, 5000)
    assert "You read 2 streams already" in str(error["message"])
    assert served.hub.statistics.started == 2
    await first.leave()
    await until(lambda: served.streams.open == 1)
    third = await read(clients, served, "alice")
    for viewer in (second, third):
        await viewer.leave()


async def test_a_refused_event_source_retries_later(clients: Clients, served: Served) -> None:
    held = [await read(clients, served, "alice") for _ in range(2)]
    session = clients.named("alice")
    for path in ("/api/chat/stream?prompt=x", f"/api/generations/{held[0].generation_id}/events"):
        async with session.get(path, headers=EVENTS) as response:
            assert response.status == 200
            decoder = EventStreamDecoder()
            (event,) = decoder.feed(await response.read())
        assert (orjson.loads(event.data)["code"], event.last_event_id) == ("rate_limit", "")
        assert decoder.retry_ms is not None
        assert 5000 <= decoder.retry_ms <= 10_000
    assert served.hub.statistics.started == 2
    for viewer in held:
        await viewer.leave()


async def test_a_ticket_is_not_used_up_by_a_stream_that_is_refused(clients: Clients, served: Served) -> None:
    held = [await read(clients, served, "alice") for _ in range(2)]
    async with clients.named("alice").post("/api/tickets", json={"scope": "start"}) as response:
        ticket = (await response.json())["ticket"]
    address, stranger = f"/api/chat/stream?prompt=x&ticket={ticket}", clients.session(None)
    async with stranger.get(address, headers=EVENTS) as response:
        assert b"rate_limit" in await response.read()
    await held.pop().leave()
    await until(lambda: served.streams.open == 1)
    async with stranger.get(address, headers=EVENTS) as response:
        assert b"accepted" in await response.content.readany()
    for viewer in held:
        await viewer.leave()


async def test_a_socket_beyond_the_limit_is_accepted_and_closed(clients: Clients, served: Served) -> None:
    held = [await read(clients, served, "alice") for _ in range(2)]
    async with socket_of(clients.named("alice")) as socket:
        code, reason = await closing(socket)
        assert (code, "You read 2 streams" in reason) == (4429, True)
    await until(lambda: served.streams.open == 2)
    for viewer in held:
        await viewer.leave()


async def test_a_hello_counts_the_socket_against_its_principal(clients: Clients, served: Served) -> None:
    stranger = clients.session(None)
    async with socket_of(stranger) as first, socket_of(stranger) as second, socket_of(stranger) as third:
        for socket in (first, second):
            await socket.send_json(HELLO)
            assert (await socket.receive_json())["type"] == "ack"
        await third.send_json(HELLO)
        assert (await closing(third))[0] == 4429
        await until(lambda: served.streams.open == 2)
        # Another hello of the same principal does not count again.
        await first.send_json(HELLO)
        assert (await first.receive_json())["type"] == "ack"


async def test_an_unauthenticated_socket_counts_against_its_address(
    clients: Clients, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = clients.session(None)
    async with socket_of(stranger), socket_of(stranger), socket_of(stranger), socket_of(stranger):
        await until(lambda: served.streams.open == 4)
        async with socket_of(stranger) as fifth:
            code, reason = await closing(fifth)
            assert (code, "Your address reads 4 streams" in reason) == (4429, True)
        error = await refused_over_http(clients.named("bob"), "/api/chat/stream")
        assert "Your address reads 4 streams" in str(error["message"])
    # Logged once, for the operator who forgot to configure the proxy that all clients come through.
    (message,) = [record.getMessage() for record in caplog.records if "stream" in record.getMessage()]
    assert message.startswith("a stream from 127.0.0.1 was refused")
    assert "trusted_proxies" in message


async def test_the_address_is_the_one_that_a_proxy_forwards(clients: Clients, served: Served) -> None:
    # uvicorn trusts 127.0.0.1 by default.
    held = [await read(clients, served, name) for name in ("alice", "alice", "bob", "bob")]
    async with clients.named("reader").post(
        "/api/chat/stream", json=BODY, headers={"X-Forwarded-For": "203.0.113.1"}
    ) as response:
        assert response.status == 200
    await refused_over_http(clients.named("reader"), "/api/chat/stream")
    for viewer in held:
        await viewer.leave()


async def test_a_key_may_have_its_own_limit(clients: Clients, served: Served) -> None:
    held = [await read(clients, served, "reader", kind) for kind in ("sse", "websocket", "poll")]
    assert "You read 3 streams" in str(
        (await refused_over_http(clients.named("reader"), "/api/chat/stream"))["message"]
    )
    for viewer in held:
        await viewer.leave()


async def test_a_token_has_the_general_limit(clients: Clients, served: Served) -> None:
    session = clients.session(token())
    async with socket_of(session), socket_of(session):
        await refused_over_http(session, "/api/chat/stream")


@pytest.mark.parametrize("kind", list(VIEWERS))
@pytest.mark.parametrize("end", ["complete", "error", "left", "reset", "hub closed", "refused", "cancelled"])
async def test_a_stream_is_released_however_it_ends(clients: Clients, served: Served, kind: str, end: str) -> None:
    viewer = await read(clients, served, "alice", kind)
    await served.called()
    served.upstream.last.send("word")
    await viewer.until("chunk")
    match end:
        case "complete":
            served.upstream.last.finish()
            await viewer.to_end()
        case "error":
            served.upstream.last.fail(Failed(Code.SERVER_ERROR, "no more"))
            await viewer.to_end()
        case "reset":
            await reset(viewer)
        case "hub closed":
            await served.hub.close()
            await viewer.to_end()
        case "refused":
            position = {"Last-Event-ID": f"{viewer.generation_id}:99"}
            async with clients.named("alice").post("/api/chat/stream", json=BODY, headers=position) as response:
                assert response.status == 400
        case "cancelled":
            # As a server does when its shutdown times out.
            for task in asyncio.all_tasks():
                if "run_asgi" in str(task.get_coro()):
                    task.cancel()
        case _:
            pass
    await viewer.leave()
    await until(lambda: served.streams.open == 0)


async def reset(viewer: ViewingClient) -> None:
    """Reset the connection of a viewer (TCP RST)."""
    if isinstance(viewer, PollViewer):
        transport = await viewer.transport()
    else:
        if isinstance(viewer, WebSocketViewer):
            assert viewer._socket is not None
            response = viewer._socket._response
        else:
            assert isinstance(viewer, HttpViewer)
            response = viewer.response
        assert response.connection is not None
        assert response.connection.transport is not None
        transport = response.connection.transport
    below: socket = transport.get_extra_info("socket")
    below.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def test_an_aborted_request_releases_its_stream(clients: Clients, served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEYS['alice'].text()}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    await until(lambda: served.streams.open == 1)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    await until(lambda: served.streams.open == 0)
    assert served.hub.statistics.started == 0
