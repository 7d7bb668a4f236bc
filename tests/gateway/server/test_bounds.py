"""What the server's own protocols bound before the application sees anything, byte by byte on raw sockets."""

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import orjson
import pytest

from gateway.admission.connections import Connections
from gateway.config import Settings
from gateway.security.principals import Principal
from gateway.server.http_protocol import (
    HEAD_BYTES,
    HEAD_SECONDS,
    HEADER_LINES,
    REQUEST_SECONDS,
    URL_BYTES,
    HttpProtocol,
)
from gateway.server.websocket_protocol import FRAGMENTS, UNKNOWN_BYTES
from tests.served.clients import KEYS, keys_file, with_keys
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until
from tests.support import settle

__all__ = ["keys_file"]

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TEXT, CONTINUED = 1, 0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 3, "max_connections": 5})


@pytest.fixture
def configure() -> Configure:
    return as_command


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Ends]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], dict[str, object]]:
    """Read one answer with a JSON body: its status, headers and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
    return int(head[0].split()[1]), headers, body


async def refused(reader: asyncio.StreamReader, status: int) -> dict[str, object]:
    """See that a refusal comes, in the usual form, and then the end."""
    found, headers, body = await answer_of(reader)
    assert (found, headers["connection"], headers["content-type"]) == (status, "close", "application/json")
    error = body["error"]
    assert isinstance(error, dict)
    assert set(error) == {"code", "message", "retryable", "retry_after_ms", "param"}
    assert await reader.read() == b""
    return error


def protocols_of(served: Served) -> list[HttpProtocol]:
    """Find the server's ends of the connections."""
    port = int(served.url.rpartition(":")[2])
    found = (one for one in gc.get_objects() if isinstance(one, HttpProtocol))
    return [one for one in found if (one.server or ("", 0))[1] == port and not one.transport.is_closing()]


async def only(served: Served) -> HttpProtocol:
    await until(lambda: len(protocols_of(served)) == 1)
    return protocols_of(served)[0]


def counted(protocol: HttpProtocol) -> Connections:
    assert protocol._counted is not None
    return protocol._counted


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """Frame what a client sends, under a mask of zeros."""
    size = len(payload)
    if size < 126:
        length = bytes([128 | size])
    else:
        length = b"\xfe" + struct.pack("!H", size) if size < 1 << 16 else b"\xff" + struct.pack("!Q", size)
    return bytes([(128 if last else 0) | opcode]) + length + bytes(4) + payload


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes, times: int) -> int:
    """Send a piece again and again, until the other end has closed; tell how often.

    What is closed before all of it was read is reset, and what was said last may be lost.
    """
    for sent in range(times):
        try:
            writer.write(piece)
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await reader.read(1 << 16)
        except ConnectionError:
            return sent
        if reader.at_eof() or writer.transport.is_closing():
            return sent
    return times


async def close_code(reader: asyncio.StreamReader) -> int:
    """Read on to a close frame; give its code."""
    while (await reader.readexactly(1)) != b"\x88":
        (size,) = await reader.readexactly(1)
        await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0] if size == 126 else size)
    (size,) = await reader.readexactly(1)
    code: int = struct.unpack("!H", (await reader.readexactly(size))[:2])[0]
    return code


# Heads.


@pytest.mark.parametrize(
    ("head", "status", "said"),
    [
        (b"GET /health?" + b"x" * URL_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "as the body of a POST"),
        (b"GET /health?" + b"x" * (HEAD_BYTES + 1), 414, "as the body of a POST"),
        (GET[:-2] + b"A: b\r\n" * HEADER_LINES + b"\r\n", 431, f"more than {HEADER_LINES} headers"),
        (GET[:-2] + b"A: " + b"b" * HEAD_BYTES, 431, f"larger than {HEAD_BYTES} bytes"),
        (b"\x16\x03\x01\x00\xa5\r\n\r\n", 400, "can't be read"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "can't be read"),
        (UPGRADE + b"Cookie: " + b"x" * 9000 + b"\r\n\r\n", 400, "a line of more than 8 KiB"),
        (UPGRADE.replace(b"/ws", b"/ws?" + b"x" * 9000) + b"\r\n", 400, "a line of more than 8 KiB"),
        (UPGRADE + b"A: b\r\n" * HEADER_LINES + b"\r\n", 431, f"more than {HEADER_LINES} headers"),
        (UPGRADE.replace(b"/ws", b"/ws?" + b"x" * URL_BYTES) + b"\r\n", 414, "as the body of a POST"),
    ],
)
async def test_a_head_that_is_too_much_is_refused_as_anything_else(
    served: Served, head: bytes, status: int, said: str
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(head)
        error = await refused(reader, status)
        assert (error["code"], error["retryable"]) == ("invalid_request", False)
        assert said in str(error["message"])


async def test_as_much_as_may_be_passes(served: Served) -> None:
    url = b"/health?" + b"x" * (URL_BYTES - len("/health?"))
    async with connected(served) as (reader, writer):
        head = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % url
        writer.write(head + b"A: b\r\n" * (HEADER_LINES - 1) + b"\r\n")
        assert (await answer_of(reader))[0] == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\nHost: localhost\r\nhost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_a_request_names_its_host_once(served: Served, head: bytes, status: int) -> None:
    async with connected(served) as (reader, writer):
        writer.write(head)
        assert (await answer_of(reader))[0] == status


async def test_what_follows_a_refused_head_is_not_looked_at(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    head = b"POST /api/generations?%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    async with connected(served) as (reader, writer):
        writer.write(head % (b"x" * URL_BYTES, len(body)) + body + GET)
        await refused(reader, 414)
    assert served.hub.counters.started == 0
    assert caplog.text == ""


async def test_headers_behind_a_body_are_bounded_too(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ")
        assert (await answer_of(reader))[0] == 404
        assert await pour(reader, writer, b"b" * 1000, 1000) < 1000


async def test_a_large_body_in_chunks_is_no_head(served: Served) -> None:
    body = orjson.dumps({"messages": [{"role": "user", "content": "x" * 15_000}]})
    start = b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(served) as (reader, writer):
        writer.write(start + b"".join(b"1;%b\r\n%c\r\n" % (b"e" * 10, one) for one in body) + b"0\r\n")
        await until(lambda: protocols_of(served)[0].cycle is not None)
        writer.write(b"A: b\r\n\r\n")
        assert (await answer_of(reader))[0] == 201


# Time.


async def test_a_connection_that_says_nothing_is_cut_without_a_word(served: Served) -> None:
    async with connected(served) as (reader, _):
        protocol = await only(served)
        assert protocol._deadline is not None
        assert protocol._deadline.when() <= asyncio.get_running_loop().time() + HEAD_SECONDS
        protocol._look()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)


async def test_a_head_that_takes_too_long_is_told_so(served: Served) -> None:
    async with connected(served) as (reader, writer):
        protocol = await only(served)
        first = protocol._deadline
        writer.write(b"GET /health HTTP/1.1\r\nX: ")
        await until(lambda: protocol._head_bytes)
        assert protocol._deadline is first
        protocol._look()
        assert "longer than 10 seconds" in str((await refused(reader, 408))["message"])


async def test_the_time_of_a_later_head_begins_with_it(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(GET)
        await answer_of(reader)
        protocol = await only(served)
        assert protocol._deadline is None
        writer.write(b"G")
        await until(lambda: protocol._deadline)
        assert protocol.timeout_keep_alive_task is None
        protocol._look()
        await refused(reader, 408)


async def test_a_body_has_longer_than_its_head(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        protocol = await only(served)
        await until(lambda: protocol.cycle)
        protocol._look()
        now = asyncio.get_running_loop().time()
        assert protocol._deadline is not None
        assert HEAD_SECONDS < protocol._deadline.when() - now <= REQUEST_SECONDS - HEAD_SECONDS
        protocol._deadline._run()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)


@pytest.mark.parametrize("between", [b"\r\n", b"\n", b"\r\n\r\n\r\n"])
async def test_line_ends_keep_no_idle_connection(served: Served, between: bytes) -> None:
    async with connected(served) as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            await answer_of(reader)
            protocol = await only(served)
            idle = protocol.timeout_keep_alive_task
            assert idle is not None
            writer.write(between)
            await drained(protocol)
            assert protocol.timeout_keep_alive_task is idle
            assert not idle.cancelled()
        protocol.timeout_keep_alive_handler()
        assert await reader.read() == b""


async def drained(protocol: HttpProtocol) -> None:
    """Wait until the server has read what was sent: nothing of it shows on the outside."""
    received, heard = protocol.data_received, asyncio.Event()

    def hear(data: bytes) -> None:
        received(data)
        heard.set()

    protocol.data_received = hear  # type: ignore[method-assign]
    await heard.wait()
    del protocol.data_received


async def test_a_body_that_comes_behind_its_answer_leaves_an_idle_connection(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
        assert (await answer_of(reader))[0] == 404
        protocol = await only(served)
        writer.write(b"67890")
        await until(lambda: protocol._deadline is None)
        assert protocol.timeout_keep_alive_task is not None
        writer.write(GET)
        assert (await answer_of(reader))[0] == 200


async def test_a_socket_on_a_kept_connection_is_not_idle(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(GET)
        await answer_of(reader)
        protocol = await only(served)
        writer.write(UPGRADE + b"\r\n")
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert (protocol.timeout_keep_alive_task, protocol._deadline) == (None, None)


# Connections.


async def test_an_address_has_so_many_connections(served: Served) -> None:
    async with connected(served), connected(served), connected(served) as (_, last):
        async with connected(served) as (reader, _):
            error = await refused(reader, 429)
            assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("rate_limit", True, 1000)
        last.close()
        protocol = protocols_of(served)[0]
        await until(lambda: counted(protocol).open == 2)
        async with connected(served) as (reader, writer):
            writer.write(GET)
            assert (await answer_of(reader))[0] == 200


async def leave_plainly(ends: Ends) -> None:
    ends[1].close()


async def leave_by_reset(ends: Ends) -> None:
    ends[1].get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    ends[1].transport.abort()


async def be_refused(ends: Ends) -> None:
    ends[1].write(b"\x00\r\n\r\n")
    await refused(ends[0], 400)


async def be_answered(ends: Ends) -> None:
    ends[1].write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    await ends[0].read()


async def begin_a_stream(ends: Ends) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    head = b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    ends[1].write(head % len(body) + body)
    await ends[0].readuntil(b"accepted")
    await leave_by_reset(ends)


async def become_a_socket(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"\r\n")
    await ends[0].readuntil(b"\r\n\r\n")
    await leave_by_reset(ends)


async def become_a_socket_and_close_it(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"\r\n")
    await ends[0].readuntil(b"\r\n\r\n")
    ends[1].write(frame(8, struct.pack("!H", 1000)))
    assert await close_code(ends[0]) == 1000
    await ends[0].read()


async def fail_to_become_a_socket(ends: Ends) -> None:
    ends[1].write(UPGRADE.replace(b"13", b"12") + b"\r\n")
    await ends[0].read()


async def offer_too_long_a_handshake(ends: Ends) -> None:
    ends[1].write(UPGRADE + b"Cookie: " + b"x" * 9000 + b"\r\n\r\n")
    await refused(ends[0], 400)


@pytest.mark.parametrize(
    "leave",
    [
        leave_plainly,
        leave_by_reset,
        be_refused,
        be_answered,
        begin_a_stream,
        become_a_socket,
        become_a_socket_and_close_it,
        fail_to_become_a_socket,
        offer_too_long_a_handshake,
    ],
)
async def test_each_connection_is_counted_out_once_whatever_becomes_of_it(
    served: Served, leave: Callable[[Ends], object]
) -> None:
    async with connected(served) as witness:
        connections = counted(await only(served))
        for _ in range(5):
            async with connected(served) as ends:
                await until(lambda: connections.open == 2)
                await leave(ends)  # type: ignore[misc]
                await until(lambda: connections.open == 1)
        assert connections._each._each == {"127.0.0.1": 1}
        witness[1].write(GET)
        assert (await answer_of(witness[0]))[0] == 200
    await until(lambda: connections.open == 0)
    assert connections._each._each == {}


class TestInAll:
    """Beyond what the open files are enough for."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_connections": 2, "max_connections_per_address": None})

    async def test_one_more_gets_503(self, served: Served) -> None:
        async with connected(served), connected(served), connected(served) as (reader, _):
            error = await refused(reader, 503)
            assert (error["code"], error["retryable"]) == ("queue_full", True)


# Sockets that nobody knows.


class TestUnknown:
    """What is read of a socket before its hello."""

    @pytest.fixture
    def settings(self, settings: Settings, keys_file: Path) -> Settings:
        return with_keys(settings, keys_file).model_copy(
            update={"max_body_bytes": 4 << 20, "max_connections_per_address": 0}
        )

    async def test_no_more_is_read_than_a_hello_needs(self, served: Served) -> None:
        async with connected(served) as (reader, writer):
            writer.write(UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(TEXT, bytes(4 << 20))[:14])
            assert await pour(reader, writer, bytes(16_384), 250) < 250
            await until(lambda: served.streams.open == 0)

    async def test_what_is_a_little_too_much_is_told_so(self, served: Served) -> None:
        for size in (16_385, UNKNOWN_BYTES - 100):
            async with connected(served) as (reader, writer):
                writer.write(UPGRADE + b"\r\n")
                await reader.readuntil(b"\r\n\r\n")
                writer.write(frame(TEXT, b"x" * size))
                assert await close_code(reader) == 4413

    async def test_small_messages_add_up(self, served: Served) -> None:
        async with connected(served) as (reader, writer):
            writer.write(UPGRADE + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert await pour(reader, writer, frame(9, b"x" * 100), 20_000) < 20_000

    async def test_behind_a_hello_a_message_may_be_large_at_once(self, served: Served) -> None:
        hello = orjson.dumps({"type": "hello", "id": 1, "token": KEYS["alice"].text()})
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", max_msg_size=0) as socket, asyncio.timeout(10):
            assert socket._writer.transport is not None
            socket._writer.transport.write(frame(TEXT, hello) + frame(TEXT, orjson.dumps(large)))
            assert (await socket.receive_json())["type"] == "ack"
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"

    async def test_what_comes_while_a_token_is_looked_at_may_be_large(self, served: Served) -> None:
        scheme = SlowDoor()
        served.reloader._authenticator.replace_schemes([scheme])
        headers = {"Authorization": "Bearer x"}
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", headers=headers) as socket, asyncio.timeout(10):
            assert socket._writer.transport is not None
            socket._writer.transport.write(frame(TEXT, orjson.dumps(large)))
            await scheme.asked.wait()
            await settle()
            scheme.opened.set()
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"

    async def test_who_is_known_by_the_handshake_may_send_much_at_once(self, served: Served) -> None:
        headers = {"Authorization": f"Bearer {KEYS['alice'].text()}"}
        large = {"type": "start", "id": 2, "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        async with served.http.ws_connect("/api/ws", headers=headers) as socket, asyncio.timeout(10):
            await socket.send_bytes(b"")
            await socket.send_json(large)
            while (answer := await socket.receive_json()).get("id") != 2:
                pass
            assert answer["type"] == "ack"


class SlowDoor:
    """Lets everybody in, when it is told to."""

    def __init__(self) -> None:
        self.asked, self.opened = asyncio.Event(), asyncio.Event()

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        self.asked.set()
        await self.opened.wait()
        return Principal("slow", "token")

    def renew(self, principal: Principal) -> Principal | None:
        return principal


async def test_a_message_has_so_many_pieces(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(TEXT, b"", last=False) + frame(CONTINUED, b"", last=False) * (FRAGMENTS - 2))
        writer.write(frame(CONTINUED, b'{"type":"ping"}'))
        assert b"pong" in await reader.readuntil(b"}")
        writer.write(frame(TEXT, b"", last=False) + frame(CONTINUED, b"", last=False) * FRAGMENTS)
        assert await close_code(reader) == 4413
