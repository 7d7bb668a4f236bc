"""Clients that die, and clients that do not read."""

import asyncio
import base64
import secrets
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import orjson

from gateway.client import Answer, Client, TransportName
from tests.integration.faults.client_process import stream
from tests.integration.faults.replay import expected_text, log_problems, read_over_sse
from tests.integration.faults.servers import PROMPT, Gateway, nonzero, stats, until_idle
from tests.integration.faults.timeline import Timeline, differences

ENDLESS = "sim?ttft=0&speed=85&length=100000&seed=1"
LARGE = "sim?ttft=0&speed=0&length=5000000&chunk=2000&language=vietnamese&seed=1"
LARGE_OUTPUT_BYTES = 32 << 20
TIMEOUT = 60.0


@dataclass(slots=True)
class KilledClients:
    """The generations after half of the clients were killed."""

    timeline: Timeline
    killed: int
    ended_by_disconnect: int
    survivors: int
    unharmed: int
    problems: list[str]
    leftover: dict[str, int]

    def deviations(self) -> list[str]:
        """Return the deviations."""
        return differences(
            ended_by_disconnect=(self.ended_by_disconnect, self.killed),
            unharmed=(self.unharmed, self.survivors),
            problems=(self.problems, []),
            leftover=(self.leftover, {}),
        )


async def kill_half(gateway: Gateway, upstream: str, each: int) -> KilledClients:
    """Stream to the clients of two processes, kill one of them with SIGKILL, and watch both."""
    timeline = Timeline()
    async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
        full_text = await expected_text(http, upstream, ENDLESS, PROMPT)
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "tests.integration.faults.client_process", gateway.address, str(each), ENDLESS],
            stdout=subprocess.PIPE,
            limit=1 << 20,
        )
        ready: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        streaming = asyncio.create_task(stream(gateway.address, each, ENDLESS, ready))
        try:
            assert process.stdout is not None
            ids = (await process.stdout.readline()).decode().split()
            survivors = await ready
            timeline.restart()
            timeline.note(f"{each} of {2 * each} clients are killed (SIGKILL), {each // 2} on each transport")
        finally:
            process.kill()
            await process.wait()
        try:
            await _wait_for_interrupts(http, gateway.address, each, timeline)
            logs = [await read_over_sse(http, gateway.address, generation_id) for generation_id in ids]
            unharmed = await _count_unharmed(survivors, full_text)
            timeline.note(
                f"{unharmed} of {each} others continue, without gaps in their text and without a new connection"
            )
            for answer in survivors:
                await answer.interrupt()
            await streaming
        finally:
            streaming.cancel()
        leftover = nonzero(await until_idle(http, gateway.address))
        timeline.note(f"the others were interrupted; running, active, queued, viewers: {leftover or 'all 0'}")
    by_disconnect = sum(events[-1].get("by") == "disconnect" for events in logs)
    problems = [problem for events in logs for problem in log_problems(events)]
    return KilledClients(timeline, len(ids), by_disconnect, len(survivors), unharmed, problems, leftover)


async def _wait_for_interrupts(http: aiohttp.ClientSession, address: str, count: int, timeline: Timeline) -> None:
    first = True
    while (ended := (await stats(http, address))["interrupted"]) < count:
        if ended and first:
            first = False
            timeline.note("the first generation of a killed client is interrupted, by `disconnect`")
        await asyncio.sleep(0.01)
    timeline.note(f"all {count} generations of killed clients are interrupted")


async def _count_unharmed(answers: Sequence[Answer], full_text: str) -> int:
    """Return how many answers get more text, which is the upstream's, over their first connection."""
    before = [len(answer.text) for answer in answers]
    while not all(len(answer.text) > size for answer, size in zip(answers, before, strict=True)):
        await asyncio.sleep(0.01)
    return sum(full_text.startswith(answer.text) and not answer.attachments for answer in answers)


@dataclass(slots=True)
class SlowClient:
    """A client that did not read."""

    transport: TransportName
    after_s: float
    """Seconds from its last read until it was disconnected."""
    freed_s: float
    """Seconds from there until the kernel, too, has freed the connection."""
    end: str
    """How its last read ends; it must not look `finished`."""
    resumed_whole: bool
    leftover: dict[str, int]

    def deviations(self) -> list[str]:
        """Return the deviations."""
        return differences(
            end=(self.end, "reset" if self.transport == "sse" else "closed with 1013"),
            resumed_whole=(self.resumed_whole, True),
            leftover=(self.leftover, {}),
        )


async def does_not_read(gateway: Gateway, upstream: str, transport: TransportName) -> SlowClient:
    """Start a large answer, read only its id, and resume after the gateway has disconnected the client."""
    async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as http:
        full_text = await expected_text(http, upstream, LARGE, PROMPT)
        connection = await asyncio.to_thread(_connect, gateway.address)
        port: int = connection.getsockname()[1]
        try:
            generation_id, received = await asyncio.to_thread(_start, connection, transport)
            timeline = Timeline()
            while (await stats(http, gateway.address))["viewers"]:
                await asyncio.sleep(0.02)
            after_s = timeline.now
            # A WebSocket gets a close code, in case the client still reads; an HTTP connection is reset.
            end = await asyncio.to_thread(_read_end, connection, transport, received)
            connection.close()
            while gateway.holds(port):
                await asyncio.sleep(0.02)
            freed_s = timeline.now - after_s
        finally:
            connection.close()
        async with Client(gateway.address, transport=transport) as client:
            answer = client.attach(generation_id)
            async for _ in answer:
                pass
        leftover = nonzero(await until_idle(http, gateway.address))
    return SlowClient(transport, after_s, freed_s, end, answer.text == full_text, leftover)


def _connect(address: str) -> socket.socket:
    """Connect with a small receive buffer, so that the gateway's send buffer fills soon."""
    connection = socket.socket()
    connection.settimeout(TIMEOUT)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(address)
    connection.connect((parts.hostname or "", parts.port or 80))
    return connection


def _start(connection: socket.socket, transport: TransportName) -> tuple[str, bytes]:
    """Start a generation that continues without viewers; read until its id has arrived."""
    body = {
        "messages": [{"role": "user", "content": PROMPT}],
        "model": LARGE,
        "options": {"on_disconnect": "continue"},
    }
    if transport == "sse":
        data = orjson.dumps(body)
        connection.sendall(
            b"POST /api/chat/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(data), data)
        )
    else:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        connection.sendall(
            b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
        )
        # A client must wait for the response to its handshake (RFC 6455, 4.1).
        response = b""
        while b"\r\n\r\n" not in response:
            response += connection.recv(256)
        connection.sendall(_text_frame(orjson.dumps({"type": "start", **body})))
    read = b""
    mark = b'"generation_id":"'
    while mark not in read or b'"' not in read.partition(mark)[2]:
        read += connection.recv(256)
    return read.partition(mark)[2].partition(b'"')[0].decode(), read


def _text_frame(data: bytes) -> bytes:
    """Encode a masked text frame, as clients must (RFC 6455, 5.3); a mask of zeros changes nothing."""
    assert 125 < len(data) < 65536
    return struct.pack("!BBH4s", 0x81, 0xFE, len(data), bytes(4)) + data


TRY_AGAIN_LATER = struct.pack("!H", 1013)


def _read_end(connection: socket.socket, transport: TransportName, received: bytes) -> str:
    """Read the rest; return how it ends."""
    read, end = received, "closed"
    try:
        while data := connection.recv(1 << 20):
            read = (read + data)[-4096:]
    except ConnectionResetError:
        end = "reset"
    if transport == "ws" and TRY_AGAIN_LATER in read[-200:]:
        return "closed with 1013"
    if read.endswith(b"0\r\n\r\n") if transport == "sse" else b'"type":"complete"' in read:
        return "finished"
    return end
