"""The server over real connections on loopback, with a client of chat completions."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import BaseModel, TypeAdapter

from gateway.simulator import Simulator
from gateway.simulator.stamps import read_stamps

MESSAGES = [{"role": "user", "content": "How does a lock in a canal work?"}]
USAGE = {"prompt_tokens": 8, "completion_tokens": 30, "total_tokens": 38}


class Choice(BaseModel):
    """The one choice of a chunk."""

    delta: dict[str, object]
    finish_reason: str | None


class Chunk(BaseModel):
    """One chunk."""

    id: str
    choices: list[Choice]
    usage: dict[str, int] | None = None


class Stats(BaseModel):
    """Body of `/stats`."""

    requests: int
    completed: int
    running: int
    hung_up: int
    chunks: int


class EarlyClose(BaseModel):
    """One early close in the body of `/closes`."""

    id: str
    chunks: int
    at: int


class Error(BaseModel):
    """OpenAI's error object."""

    message: str
    type: str
    code: str | None
    param: str | None


class Client:
    """A client of one simulator."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def post(self, settings: str, model: str = "sim-instant", **fields: object) -> aiohttp.ClientResponse:
        """Post a request for a stream; the caller closes the response."""
        body = {"model": model, "messages": MESSAGES, "stream": True, **fields}
        return await self._session.post(
            f"{self._base_url}/chat/completions", json=body, headers={"X-Simulate": settings}
        )

    async def events(self, settings: str, stream_options: object = None) -> list[str]:
        """Return the data of all events of a stream."""
        async with await self.post(settings, stream_options=stream_options) as response:
            assert response.content_type == "text/event-stream"
            return parse_events(await response.text())

    async def stats(self) -> Stats:
        """Return the counts."""
        return Stats.model_validate_json(await self.get("../stats"))

    async def closes(self) -> list[EarlyClose]:
        """Wait for an early close; return all."""
        async with asyncio.timeout(5):
            while not (found := TypeAdapter(list[EarlyClose]).validate_json(await self.get("../closes"))):
                pass
        return found

    async def get(self, path: str, status: int = 200) -> bytes:
        """Get a path under the base URL."""
        return await self.send("GET", path, status)

    async def send(self, method: str, path: str, status: int, data: bytes | None = None) -> bytes:
        """Send a request, expect the status and return the body."""
        async with self._session.request(method, f"{self._base_url}/{path}", data=data) as response:
            assert response.status == status
            return await response.read()


def parse_events(text: str) -> list[str]:
    *events, rest = text.split("\n\n")
    assert rest == ""
    return [event.removeprefix("data: ") for event in events]


def chunks(events: list[str]) -> list[Chunk]:
    return [Chunk.model_validate_json(event) for event in events]


def content(chunks: list[Chunk]) -> str:
    return "".join(str(choice.delta.get("content", "")) for chunk in chunks for choice in chunk.choices)


def error_of(body: bytes) -> Error:
    return TypeAdapter(dict[str, Error]).validate_json(body)["error"]


def address(simulator: Simulator) -> tuple[str, int]:
    host, _, port = simulator.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
    return host, int(port)


def request_bytes(body: bytes) -> bytes:
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def read_chunks(response: aiohttp.ClientResponse, count: int) -> list[Chunk]:
    """Read `count` events and leave the rest."""
    found = [(await response.content.readuntil(b"\n\n")).decode() for _ in range(count)]
    return chunks(parse_events("".join(found)))


@pytest.fixture(scope="module", autouse=True)
def _collected() -> None:
    """Free what the tests of other modules have left: asyncio would log their unread errors while these tests run."""
    gc.collect()


@pytest.fixture
async def simulator(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Simulator]:
    simulator = Simulator()
    await simulator.start()
    yield simulator
    await simulator.stop()
    # Clients that connect and leave log nothing.
    assert caplog.get_records("call") == []


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, simulator.base_url)


async def test_stream_has_the_order_and_the_text_of_the_service(client: Client) -> None:
    *found, done = await client.events("length=120", stream_options={"include_usage": True})
    assert done == "[DONE]"
    first, *middle, finish, usage = chunks(found)
    assert first.choices[0].delta == {"role": "assistant", "content": ""}
    assert len(content(middle)) == 120
    assert "How does a lock in a canal work?" in content(middle)
    assert (finish.choices[0].delta, finish.choices[0].finish_reason) == ({}, "stop")
    assert (usage.choices, usage.usage) == ([], USAGE)
    assert {chunk.id for chunk in [first, *middle, finish]} == {usage.id}


async def test_chunks_tell_when_they_were_sent(client: Client) -> None:
    before = time.monotonic_ns()
    *found, _done = await client.events("stamp=on&length=40&speed=2000&ttft=0")
    sent = read_stamps(content(chunks(found)))
    assert len(sent) > 5
    times = [before, *sent, time.monotonic_ns()]
    assert times == sorted(times)
    *found, _done = await client.events("length=40&speed=0&ttft=0")
    assert read_stamps(content(chunks(found))) == []


@pytest.mark.parametrize(
    ("setting", "requested", "is_sent"),
    [("", False, False), ("usage=on", False, True), ("usage=off", True, False), ("", True, True)],
)
async def test_usage_is_sent_as_requested_or_set(client: Client, setting: str, requested: bool, is_sent: bool) -> None:
    found = await client.events(setting, stream_options={"include_usage": requested})
    assert any(chunk.usage for chunk in chunks(found[:-1])) == is_sent


async def test_response_without_a_stream_is_one_object(client: Client) -> None:
    async with await client.post("length=120", stream=False) as response:
        response_object = TypeAdapter(dict[str, object]).validate_json(await response.read())
    assert response_object["object"] == "chat.completion"
    assert response_object["usage"] == USAGE


async def test_long_response_is_complete(client: Client) -> None:
    found = await client.events("length=300000&language=vietnamese")
    assert len(content(chunks(found[:-1]))) == 300_000


@pytest.mark.parametrize(
    ("setting", "status", "code", "retry_after"),
    [
        ("fault=429", 429, "rate_limit_exceeded", "1"),
        ("fault=429&retry_after=0", 429, "rate_limit_exceeded", "0"),
        ("fault=500", 500, None, None),
        ("fault=401", 401, "invalid_api_key", None),
        ("speed=x", 400, "invalid_setting", None),
    ],
)
async def test_error_has_its_status_and_body(
    client: Client, setting: str, status: int, code: str | None, retry_after: str | None
) -> None:
    async with await client.post(setting) as response:
        assert response.status == status
        assert response.headers.get("Retry-After") == retry_after
        assert error_of(await response.read()).code == code


async def test_model_that_does_not_exist_is_not_found(client: Client) -> None:
    async with await client.post("", model="gpt-9") as response:
        assert response.status == 404
        assert error_of(await response.read()).param == "model"


@pytest.mark.parametrize("fault", ["drop", "truncate", "stall", "garbage", "error", "trickle", "hugeline", "pings"])
async def test_fault_of_a_stream_needs_a_stream(client: Client, fault: str) -> None:
    async with await client.post(f"fault={fault}", stream=False) as response:
        assert response.status == 400
        assert error_of(await response.read()).param == "fault"


async def test_wrong_path_method_and_body_get_an_error_body(client: Client) -> None:
    assert "POST /v1/chat/completions" in error_of(await client.get("nowhere", 404)).message
    assert "Use POST" in error_of(await client.get("chat/completions", 405)).message
    assert "valid JSON" in error_of(await client.send("POST", "chat/completions", 400, b"{")).message


async def test_html_page_comes_with_status_200(client: Client) -> None:
    async with await client.post("fault=html") as response:
        assert (response.status, response.content_type) == (200, "text/html")


async def test_refused_connection_is_reset(client: Client) -> None:
    with pytest.raises(aiohttp.ClientOSError, match="reset"):
        await client.post("fault=refuse")


async def test_drop_closes_after_what_was_sent(client: Client) -> None:
    async with await client.post("fault=drop&after=3") as response:
        assert len(await read_chunks(response, 4)) == 4
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_truncated_stream_ends_cleanly_without_an_end_marker(client: Client) -> None:
    found = chunks(await client.events("fault=truncate&after=3"))
    assert [bool(content([chunk])) for chunk in found] == [False, True, True, True]
    assert all(chunk.choices[0].finish_reason is None for chunk in found)


async def test_garbage_is_one_malformed_line(client: Client) -> None:
    found = await client.events("fault=garbage&after=3")
    malformed = found.pop(4)
    with pytest.raises(ValueError, match="JSON"):
        Chunk.model_validate_json(malformed)
    assert len(content(chunks(found[:-1]))) == 600


async def test_error_event_ends_the_stream(client: Client) -> None:
    found = await client.events("fault=error&after=1")
    assert len(found) == 3
    assert error_of(found[-1].encode()).type == "server_error"


async def test_oversized_line_has_several_mebibytes(client: Client) -> None:
    assert max(map(len, await client.events("fault=hugeline"))) > 4 * 1024 * 1024


async def test_trickle_writes_every_byte_alone(client: Client) -> None:
    async with await client.post("fault=trickle&length=20") as response:
        pieces = [piece async for piece, _ in response.content.iter_chunks() if piece]
    assert {len(piece) for piece in pieces} == {1}
    assert parse_events(b"".join(pieces).decode())[-1] == "[DONE]"


async def test_pings_are_comments_and_empty_deltas(client: Client) -> None:
    async with await client.post("fault=pings&after=0") as response:
        await read_chunks(response, 1)
        assert await response.content.readuntil(b"\n\n") == b": ping\n\n"
        (empty,) = await read_chunks(response, 1)
        assert empty.choices[0].delta == {}


async def test_early_close_in_a_stall_is_noticed(client: Client) -> None:
    async with await client.post("fault=stall&after=2") as response:
        found = await read_chunks(response, 3)
        before = time.monotonic_ns()
        response.close()
    (close,) = await client.closes()
    assert (close.id, close.chunks) == (found[0].id, 3)
    assert 0 <= close.at - before < 1_000_000_000
    stats = await client.stats()
    assert (stats.running, stats.completed, stats.hung_up, stats.chunks) == (0, 0, 1, 3)


async def test_early_close_before_the_first_token_is_noticed(client: Client) -> None:
    async with await client.post("ttft=60000") as response:
        name = response.headers["X-Request-Id"]
        assert (await client.stats()).running == 1
        response.close()
    (close,) = await client.closes()
    assert (close.id, close.chunks) == (name, 0)


async def test_early_close_of_a_client_that_does_not_read_is_noticed(client: Client) -> None:
    async with await client.post("length=5000000") as response:
        await read_chunks(response, 1)
        response.close()
    assert (await client.closes())[0].chunks > 1


async def test_early_close_without_a_stream_is_noticed(simulator: Simulator, client: Client) -> None:
    _, writer = await asyncio.open_connection(*address(simulator))
    writer.write(request_bytes(b'{"model":"sim?ttft=60000","messages":[{"role":"user","content":"x"}]}'))
    async with asyncio.timeout(5):
        while (await client.stats()).running == 0:
            pass
    writer.close()
    assert (await client.closes())[0].chunks == 0


@pytest.mark.parametrize("model", [b"sim", b"sim-instant?length=500000"])
async def test_early_close_before_the_response_is_noticed(simulator: Simulator, client: Client, model: bytes) -> None:
    body = b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"x"}]}' % model
    with socket.create_connection(address(simulator)) as connection:
        connection.sendall(request_bytes(body))
    assert len(await client.closes()) == 1


async def test_scripted_end_is_not_an_early_close(client: Client) -> None:
    for fault in ("drop", "truncate", "error"):
        async with await client.post(f"fault={fault}&after=0") as response:
            await read_chunks(response, 1)
    with pytest.raises(aiohttp.ClientOSError):
        await client.post("fault=refuse")
    await client.events("length=10")
    stats = await client.stats()
    assert (stats.requests, stats.completed, stats.running, stats.hung_up) == (5, 5, 0, 0)


async def test_models_and_health_are_served(client: Client) -> None:
    assert b'"sim-gpt-4.1"' in await client.get("models")
    assert await client.get("../health") == b'{"status": "ok"}'


@pytest.mark.parametrize("settings", ["fault=stall&after=1", "ttft=60000", "speed=1", "fault=pings", "length=5000000"])
async def test_stop_aborts_open_streams_at_once_and_leaves_no_task(settings: str) -> None:
    before = asyncio.all_tasks()
    simulator = Simulator()
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        response = await Client(session, simulator.base_url).post(settings)
        async with asyncio.timeout(0.9):
            await simulator.stop()
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    assert asyncio.all_tasks() == before


async def test_stop_does_not_wait_for_a_client_that_does_not_read(simulator: Simulator, client: Client) -> None:
    connection = socket.socket()
    # A receive buffer so small that most of the oversized line stays in the server.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, address(simulator))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    model = "sim-instant?fault=hugeline&after=0"
    writer.write(
        request_bytes(b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"x"}]}' % model.encode())
    )
    async with asyncio.timeout(5):
        while (await client.stats()).chunks < 2:
            pass
    await simulator.stop()
    assert len(await reader.read()) < 4 * 1024 * 1024
    writer.close()


async def test_port_is_free_after_stop_and_stop_may_come_twice(simulator: Simulator) -> None:
    _, port = address(simulator)
    await simulator.stop()
    await simulator.stop()
    with pytest.raises(RuntimeError, match="no address"):
        _ = simulator.base_url
    restarted = Simulator(port=port)
    await restarted.start()
    assert restarted.base_url.endswith(f":{port}/v1")
    with pytest.raises(OSError, match="in use"):
        await Simulator(port=port).start()
    await restarted.stop()
