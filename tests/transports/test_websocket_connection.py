"""Messages and frames of a WebSocket connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest
from websockets.frames import Frame, Opcode

from gateway.generation.state import State
from gateway.net.tcp import RESET_ON_CLOSE, reset
from gateway.protocol.events import Interrupted
from gateway.server.websocket_protocol import WebSocketProtocol
from tests.gateway.server.raw_client import UPGRADE, connected, frame
from tests.served.clients import BODY
from tests.served.gateway import Served
from tests.served.viewers import until
from transports.websocket_connection import text_frame

TEXT, CONTINUATION = 1, 0


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_frame_is_encoded_as_by_the_library(length: int) -> None:
    message = b"x" * length
    assert text_frame(message) == Frame(Opcode.TEXT, message).serialize(mask=False)


@pytest.mark.parametrize("size", [20_001, 5_000_000])
@pytest.mark.parametrize("head", [{"id": 7, "type": "start"}, {"type": "feedback", "id": "x", "generation_id": "g_1"}])
async def test_a_message_that_is_too_large_is_rejected_and_the_socket_lives(
    served: Served, size: int, head: dict[str, object]
) -> None:
    async with served.http.ws_connect("/api/ws") as socket, asyncio.timeout(10):
        await socket.send_json({"type": "start", "id": 1, **BODY})
        while (await socket.receive_json())["type"] != "accepted":
            pass
        await served.called()
        await socket.send_json({**head, "pad": "x" * size})
        while (answer := await socket.receive_json())["type"] != "rejected":
            pass
        assert (answer["id"], answer["generation_id"]) == (head["id"], head.get("generation_id"))
        assert (answer["code"], answer["message"]) == ("invalid_request", "The message is larger than 20000 bytes.")
        served.upstream.last.send("still here")
        served.upstream.last.finish()
        while (answer := await socket.receive_json())["type"] != "complete":
            pass
        await socket.send_json({"type": "ping", "id": 8})
        assert (await socket.receive_json())["type"] == "pong"


async def test_a_message_that_finds_no_memory_is_rejected_and_the_socket_lives(served: Served) -> None:
    served.hub.prompts.max_bytes = 5000
    async with connected(served) as (reader, writer):
        writer.write(UPGRADE + b"\r\n" + b"")
        await reader.readuntil(b"\r\n\r\n")
        message = b'{"type":"ping","id":3,"pad":"%b"}' % (b"x" * 9000)
        writer.write(frame(TEXT, message[:4000], last=False))
        await until(lambda: served.hub.prompts.used == 4000)
        writer.write(frame(CONTINUATION, message[4000:8000], last=False))
        assert orjson.loads((await reader.readuntil(b"}"))[4:])["code"] == "queue_full"
        assert served.hub.prompts.used == 0
        writer.write(frame(CONTINUATION, message[8000:]) + frame(TEXT, b'{"type":"ping","id":4}'))
        assert b'"id":4' in await reader.readuntil(b"}")
    await until(lambda: not served.protocols)
    assert served.hub.prompts.used == 0


CLOSE = frame(8, b"\x03\xe8")


async def open_socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(UPGRADE + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")


def command(**fields: object) -> bytes:
    return frame(TEXT, orjson.dumps(fields))


@pytest.mark.parametrize("end", [CLOSE, b"", None], ids=["close", "FIN", "RST"])
async def test_commands_before_the_end_of_the_connection_are_executed(served: Served, end: bytes | None) -> None:
    body = {**BODY, "options": {"on_disconnect": "continue"}}
    ids = []
    for _ in range(150):
        async with served.http.post("/api/generations", json=body) as response:
            ids.append((await response.json())["id"])
    async with connected(served) as (reader, writer):
        await open_socket(reader, writer)
        stops = [command(type="interrupt", id=at, generation_id=name) for at, name in enumerate(ids)]
        writer.write(b"".join(stops) + (end or b""))
        if end is None:
            reset(writer.transport)
        else:
            writer.write_eof()
        await until(lambda: not served.hub.running)


@asynccontextmanager
async def viewing(served: Served) -> AsyncIterator[WebSocketProtocol]:
    """Start a generation that a disconnect cancels, and yield the connection once it waits for a command."""
    body = {**BODY, "options": {"on_disconnect": "cancel"}}
    async with connected(served) as (reader, writer):
        await open_socket(reader, writer)
        writer.write(command(type="start", id=1, **body))
        await served.called()
        await reader.readuntil(b"accepted")
        (protocol,) = (each for each in served.protocols if isinstance(each, WebSocketProtocol))
        await until(lambda: protocol.queue.is_awaited)
        yield protocol


async def test_a_generation_is_stopped_in_the_call_that_reports_the_disconnect(served: Served) -> None:
    async with viewing(served) as protocol:
        protocol.eof_received()
        assert (served.hub.viewers, served.only.state) == (0, State.STOPPING)
    await until(lambda: not served.hub.running)
    assert isinstance(served.only.end, Interrupted)
    assert served.only.end.by == "disconnect"


async def test_a_stop_that_was_read_with_the_disconnect_comes_first(served: Served) -> None:
    async with viewing(served) as protocol:
        protocol.data_received(command(type="interrupt", generation_id=served.only.id))
        protocol.eof_received()
        assert (served.hub.viewers, served.only.state) == (1, State.WAITING)
    await until(lambda: not served.hub.running)
    assert isinstance(served.only.end, Interrupted)
    assert served.only.end.by == "client"


async def test_commands_that_wait_in_the_socket_when_a_write_fails_are_executed(served: Served) -> None:
    async with served.http.post("/api/generations", json=BODY) as response:
        generation_id = (await response.json())["id"]
    loop, port = asyncio.get_running_loop(), int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setblocking(False)
        await loop.sock_sendall(client, UPGRADE + b"\r\n")
        assert await loop.sock_recv(client, 4096)
        await until(lambda: any(isinstance(each, WebSocketProtocol) and each._on_drain for each in served.protocols))
        (server,) = (each for each in served.protocols if isinstance(each, WebSocketProtocol))
        client.send(command(type="interrupt", generation_id=generation_id))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    # An event of another generation is written before the command is read.
    server.write((text_frame(b"{}"),))
    assert server.transport.is_closing()
    await until(lambda: not served.hub.running)
    end = served.only.end
    assert isinstance(end, Interrupted)
    assert end.by == "client"


async def test_a_start_before_a_close_has_had_a_viewer(served: Served) -> None:
    async with connected(served) as (reader, writer):
        await open_socket(reader, writer)
        writer.write(command(type="start", id=1, **BODY) + CLOSE)
        await served.called()
        await until(lambda: not served.protocols)
        await served.left()
        assert served.hub.running == 1
        served.clock.advance(1000)
        await until(lambda: not served.hub.running)
        assert isinstance(served.only.end, Interrupted)
        assert served.only.end.by == "disconnect"


async def test_a_client_that_does_not_read_can_stop_its_generations(served: Served) -> None:
    async with connected(served) as (reader, writer):
        await open_socket(reader, writer)
        for at in range(3):
            writer.write(command(type="start", id=at, **BODY))
        await served.called(3)
        for _ in range(200):
            for call in served.upstream.calls:
                call.send("x" * 10_000)
            await asyncio.sleep(0)
        generations = [record.generation for record in served.hub._records]
        for generation in generations:
            writer.write(command(type="interrupt", id=generation.id, generation_id=generation.id))
        await until(lambda: not served.hub.running)


async def test_text_that_is_not_utf8_closes_the_socket(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with served.http.ws_connect("/api/ws") as socket:
        await socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1007
    assert "Traceback" not in caplog.text
