"""Five hundred slow sockets, and what other clients get meanwhile."""

import asyncio
import random
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from tests.integration.attacks.limits import UPGRADE
from tests.integration.attacks.outcome import Family, Outcome, unless
from tests.integration.attacks.stage import Stage, megabytes
from tests.integration.attacks.wire import request

EACH: Final = 100
"""Sockets of each kind, each from its own address, so that no limit per address stops them."""
INTERVAL_SECONDS: Final = 0.5
SLACK_SECONDS: Final = 3.0
GENERATIONS: Final = 60
"""How many generations another client starts, before and during the attack."""


@dataclass
class Slow:
    """One kind: the first bytes, the bytes that follow slowly, and the seconds after which it must be closed."""

    name: str
    how: str
    begin: bytes
    trickle: bytes
    bound: float
    stopped_by: str
    reads: bool = True
    last: bytes = b"\0no such bytes"
    """The server's last bytes; the connection may stay open until the client answers them."""
    lasted: list[float] = field(default_factory=list)

    def got(self) -> str:
        """Describe how long the sockets lasted."""
        if not self.lasted:
            return f"{EACH} sockets: none was closed within the time of this run"
        span = sorted({round(seconds) for seconds in (min(self.lasted), max(self.lasted))})
        return f"{EACH} sockets: {len(self.lasted)} closed, after {' to '.join(map(str, span))} s"


async def run(stage: Stage) -> list[Outcome]:
    """Open all sockets at once, with another client beside them."""
    kinds = await _slow_kinds(stage)
    before = await _start_generations(stage)
    memory, until = megabytes(stage.keyed), time.monotonic() + stage.patience
    sockets = [
        _run_socket(stage, kind, f"127.0.{10 + row}.{number + 1}", until)
        for row, kind in enumerate(kinds)
        for number in range(EACH)
    ]
    running = asyncio.gather(*sockets)
    await asyncio.sleep(1)
    # In a thread, so that the attackers' work in this loop is not measured.
    meanwhile = await asyncio.to_thread(asyncio.run, _start_generations(stage))
    grown = megabytes(stage.keyed) - memory
    await running
    return [*(_outcome(stage, kind) for kind in kinds), _others(before, meanwhile, grown)]


async def _slow_kinds(stage: Stage) -> list[Slow]:
    key = f"Authorization: {stage.bearer('bob')['Authorization']}"
    long = await _long_answer(stage)
    body = request("POST", "/api/chat/stream", key, "Content-Type: application/json", "Content-Length: 100000")
    return [
        Slow(
            "Request heads",
            "one byte every half second",
            b"GET /health HTTP/1.1\r\nX: ",
            b"y",
            10,
            "10 s for a request head",
        ),
        Slow(
            "Request bodies",
            "one byte every half second, of a request with a key",
            body,
            b" ",
            60,
            "60 s for a request",
        ),
        Slow("Silence", "nothing is sent at all", b"", b"", 10, "10 s for a request head"),
        Slow(
            "Readers",
            "the events of a long generation are requested, and not read",
            request("GET", f"/api/generations/{long}/events", key),
            b"",
            5,
            "`viewer_timeout`, 5 s here",
            reads=False,
        ),
        Slow(
            "WebSockets",
            "no `hello`, a ping every half second",
            request("GET", "/api/ws", *UPGRADE),
            b"\x89\x80\0\0\0\0",
            5,
            "5 s for a `hello`, then close code 4408",
            last=(4408).to_bytes(2),
        ),
    ]


async def _long_answer(stage: Stage) -> str:
    async with stage.client(stage.keyed.url, "bob") as http:
        body = {
            "model": "long",
            "messages": [{"role": "user", "content": "long"}],
            "options": {"on_disconnect": "continue"},
        }
        async with http.post("/api/chat/stream", json=body) as response:
            await response.read()
            return response.headers["X-Generation-ID"]


async def _run_socket(stage: Stage, kind: Slow, address: str, until: float) -> None:
    """Run one socket until it is closed, or the time is over."""
    server = urlsplit(stage.keyed.url)
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind((address, 0))
    loop = asyncio.get_running_loop()
    # Spread out: otherwise every half second would bring a burst of five hundred.
    await asyncio.sleep(INTERVAL_SECONDS * random.random())
    began = time.monotonic()
    try:
        await loop.sock_connect(sock, (server.hostname, server.port))
        await loop.sock_sendall(sock, kind.begin)
        cut = await (_trickle if kind.reads else _ignore)(sock, kind, until)
    except OSError:
        cut = True
    finally:
        sock.close()
    if cut:
        kind.lasted.append(time.monotonic() - began)


async def _trickle(sock: socket.socket, kind: Slow, until: float) -> bool:
    """Send slowly and read; return True if the server has ended the connection."""
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(_read_to_end(sock, kind.last))
    try:
        while time.monotonic() < until:
            await asyncio.wait({reading}, timeout=INTERVAL_SECONDS)
            if reading.done():
                return True
            await loop.sock_sendall(sock, kind.trickle)
        return False
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def _read_to_end(sock: socket.socket, last: bytes) -> None:
    with suppress(OSError):
        while came := await asyncio.get_running_loop().sock_recv(sock, 4096):
            if last in came:
                return


async def _ignore(sock: socket.socket, _kind: Slow, until: float) -> bool:
    """Read nothing until a reset shows; return True if there was one."""
    while time.monotonic() < until:
        await asyncio.sleep(INTERVAL_SECONDS)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return True
    return False


async def _start_generations(stage: Stage) -> Sequence[float]:
    """Start generations as another client; return the seconds to each first event, -1 for one without `complete`."""
    seconds = []
    async with stage.client(stage.keyed.url, "alice") as http:
        for _ in range(GENERATIONS):
            seconds.append(await _first_event(http))
            await asyncio.sleep(0.05)
    return seconds


async def _first_event(http: aiohttp.ClientSession) -> float:
    began = time.monotonic()
    body = {"model": "plain", "messages": [{"role": "user", "content": "meanwhile"}]}
    async with http.post("/api/chat/stream", json=body) as response:
        await response.content.readuntil(b"\n\n")
        first = time.monotonic() - began
        return first if b"event: complete" in await response.read() else -1


def _outcome(stage: Stage, kind: Slow) -> Outcome:
    in_time = kind.bound + SLACK_SECONDS
    return Outcome(
        kind.name,
        kind.how,
        kind.got(),
        kind.stopped_by,
        unless(
            all_were_cut=len(kind.lasted) == EACH or stage.patience < in_time,
            not_long_after_their_time=max(kind.lasted, default=0) < 3 * kind.bound,
        ),
        varies=True,
    )


def _others(before: Sequence[float], meanwhile: Sequence[float], grown: float) -> Outcome:
    median, worst = (_ratio(before, meanwhile, place) for place in (49, 98))
    return Outcome(
        "Another client meanwhile",
        f"{len(meanwhile)} answers by SSE, one after the other, with all {5 * EACH} sockets open",
        f"{sum(one >= 0 for one in meanwhile)} complete; time to the first event, relative to a run without them: "
        f"median x {median:.1f}, 99th percentile x {worst:.1f}; memory: {grown:.0f} MB more",
        "a waiting socket costs only its memory",
        unless(all_complete=min(*before, *meanwhile) >= 0, memory_is_bounded=grown < 150),
        varies=True,
    )


def _ratio(before: Sequence[float], meanwhile: Sequence[float], place: int) -> float:
    return quantiles(meanwhile, n=100)[place] / quantiles(before, n=100)[place]


FAMILY: Final = Family(
    "Slowloris",
    """\
Five hundred slow sockets at once, and another client that starts generations meanwhile. Seconds and ratios are those of
the machine that wrote this page; no test depends on them.""",
    run,
)
