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
from tests.integration.faults.crowd import stream
from tests.integration.faults.replay import faults_of_log, over_sse, text_at_the_source
from tests.integration.faults.servers import PROMPT, Gateway, busy, stats, until_idle
from tests.integration.faults.timeline import Timeline, differing

ENDLESS = "sim?ttft=0&speed=85&length=100000&seed=1"
LARGE = "sim?ttft=0&speed=0&length=5000000&chunk=2000&language=vietnamese&seed=1"
LARGE_OUTPUT_BYTES = 32 << 20
PATIENCE = 60.0


@dataclass(slots=True)
class Killed:
    """What became of the generations when half of the clients were killed."""

    timeline: Timeline
    killed: int
    ended_by_disconnect: int
    survivors: int
    unharmed: int
    faults: list[str]
    left: dict[str, int]

    def deviations(self) -> list[str]:
        """Say what is not as it must be."""
        return differing(
            ended_by_disconnect=(self.ended_by_disconnect, self.killed),
            unharmed=(self.unharmed, self.survivors),
            faults=(self.faults, []),
            left=(self.left, {}),
        )


async def kill_half(gateway: Gateway, upstream: str, each: int) -> Killed:
    """Let two crowds stream, kill the process of one with SIGKILL, and watch."""
    timeline = Timeline()
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        whole = await text_at_the_source(http, upstream, ENDLESS, PROMPT)
        doomed = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "tests.integration.faults.crowd", gateway.address, str(each), ENDLESS],
            stdout=subprocess.PIPE,
            limit=1 << 20,
        )
        ready: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        streaming = asyncio.create_task(stream(gateway.address, each, ENDLESS, ready))
        try:
            assert doomed.stdout is not None
            ids = (await doomed.stdout.readline()).decode().split()
            survivors = await ready
            timeline.begin()
            timeline.note(f"{each} of {2 * each} clients are killed (SIGKILL), {each // 2} on each transport")
        finally:
            doomed.kill()
            await doomed.wait()
        try:
            await _watch_them_end(http, gateway.address, each, timeline)
            ends = [(await over_sse(http, gateway.address, one)) for one in ids]
            unharmed = await _unharmed(survivors, whole)
            timeline.note(f"{unharmed} of {each} others stream on, their text whole so far, no connection made anew")
            for answer in survivors:
                await answer.interrupt()
            await streaming
        finally:
            streaming.cancel()
        left = busy(await until_idle(http, gateway.address))
        timeline.note(f"the others were interrupted; running, active, queued, viewers: {left or 'all 0'}")
    by_disconnect = sum(events[-1].get("by") == "disconnect" for events in ends)
    faults = [fault for events in ends for fault in faults_of_log(events)]
    return Killed(timeline, len(ids), by_disconnect, len(survivors), unharmed, faults, left)


async def _watch_them_end(http: aiohttp.ClientSession, address: str, count: int, timeline: Timeline) -> None:
    first = True
    while (ended := (await stats(http, address))["interrupted"]) < count:
        if ended and first:
            first = False
            timeline.note("the first generation of a killed client is interrupted, by `disconnect`")
        await asyncio.sleep(0.01)
    timeline.note(f"all {count} are")


async def _unharmed(answers: Sequence[Answer], whole: str) -> int:
    """Count those that go on: more text comes, it is what the upstream says, and the connection is the first one."""
    before = [len(answer.text) for answer in answers]
    while not all(len(answer.text) > size for answer, size in zip(answers, before, strict=True)):
        await asyncio.sleep(0.01)
    return sum(whole.startswith(answer.text) and not answer.attachments for answer in answers)


@dataclass(slots=True)
class CutOff:
    """What became of a client that did not read."""

    transport: TransportName
    after_s: float
    """Seconds from its last read to its being cut off."""
    freed_s: float
    """Seconds from there until nothing is left of its connection, in the kernel neither."""
    read_at_last: str
    """How what it reads at last ends: `finished` it must not look."""
    resumed_whole: bool
    left: dict[str, int]

    def deviations(self) -> list[str]:
        """Say what is not as it must be."""
        return differing(
            read_at_last=(self.read_at_last, "reset" if self.transport == "sse" else "closed with 1013"),
            resumed_whole=(self.resumed_whole, True),
            left=(self.left, {}),
        )


async def does_not_read(gateway: Gateway, upstream: str, transport: TransportName) -> CutOff:
    """Start a large answer, read no further than its id, and resume once the gateway has cut us off."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        whole = await text_at_the_source(http, upstream, LARGE, PROMPT)
        connection = await asyncio.to_thread(_connect, gateway.address)
        port: int = connection.getsockname()[1]
        try:
            generation_id, head = await asyncio.to_thread(_start, connection, transport)
            timeline = Timeline()
            while (await stats(http, gateway.address))["viewers"]:
                await asyncio.sleep(0.02)
            after_s = timeline.now
            # A WebSocket is closed with a code, for who may yet read it; an HTTP connection is just reset.
            at_last = await asyncio.to_thread(_read_at_last, connection, transport, head)
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
        left = busy(await until_idle(http, gateway.address))
    return CutOff(transport, after_s, freed_s, at_last, answer.text == whole, left)


def _connect(address: str) -> socket.socket:
    """Connect with a receive buffer so small that the gateway's side soon fills."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = urlsplit(address)
    connection.connect((parts.hostname or "", parts.port or 80))
    return connection


def _start(connection: socket.socket, transport: TransportName) -> tuple[str, bytes]:
    """Start a generation that outlives its viewers; read until its id is known."""
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
        # A client may not send before the handshake is answered.
        shaken = b""
        while b"\r\n\r\n" not in shaken:
            shaken += connection.recv(256)
        connection.sendall(_text_frame(orjson.dumps({"type": "start", **body})))
    read = b""
    mark = b'"generation_id":"'
    while mark not in read or b'"' not in read.partition(mark)[2]:
        read += connection.recv(256)
    return read.partition(mark)[2].partition(b'"')[0].decode(), read


def _text_frame(data: bytes) -> bytes:
    """Frame a text message as clients must: masked (RFC 6455, 5.2); the mask of zeros changes nothing."""
    assert 125 < len(data) < 65536
    return struct.pack("!BBH4s", 0x81, 0xFE, len(data), bytes(4)) + data


TRY_AGAIN_LATER = struct.pack("!H", 1013)


def _read_at_last(connection: socket.socket, transport: TransportName, head: bytes) -> str:
    """Read what is left; tell how it ends."""
    read, end = head, "cut"
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
