"""Input of the server: HTTP and WebSocket as bytes, to a recording application and to the gateway."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from gateway.app.factory import create_app
from gateway.config import Settings
from gateway.pipeline.hub import Hub
from gateway.protocol.events import Chunk
from gateway.security.authenticator import Authenticator
from gateway.security.principals import Principal
from gateway.server.http_protocol import MAX_HEAD_BYTES
from gateway.upstreams.base import NEVER_READ, FastPath, Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from tests.fuzz.bodies import TOKENS
from tests.fuzz.credentials import KEY, STORED
from tests.fuzz.frames import HANDSHAKE, decode_frames, masked
from tests.fuzz.peer import Server, run_until_idle
from tests.fuzz.target import Target, split
from tests.fuzz.upstreams import loop
from tests.manual_clock import ManualClock
from tests.start_requests import start_request

GENERATION_ID: Final = b"{id}"
"""Placeholder in an input for the (random) id of an existing generation."""

TICKET: Final = b"{ticket}"
"""Placeholder in an input for a valid ticket."""

MAX_COMMANDS: Final = 1000
"""Maximum line breaks at which an input is split into commands; the rest is the last command."""

RETENTION: Final = 1000.0
"""Seconds after which nothing of a generation is held any more."""


class Recorder:
    """An application that records its input. It closes a WebSocket when it receives "close"."""

    def __init__(self) -> None:
        self.received: list[object] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
            return
        names = ("method", "raw_path", "query_string", "headers")
        at, body = len(self.received), b""
        self.received.append(None)
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
            self.received[at] = (*(scope[name] for name in names), body, message["type"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.received.append(message.get("text") or message.get("bytes"))
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4413, "reason": "enough"})
                return


def _record(reads: Sequence[bytes], *, wait: bool) -> tuple[list[object], bytes]:
    recorder = Recorder()
    written = loop().run_until_complete(Server(recorder).converse(reads, wait=wait))
    return recorder.received, written


def http(data: bytes) -> None:
    """Send HTTP in pieces, and at once: the application receives the same requests, the client the same responses."""
    pieces, stream = split(data)
    _record(pieces, wait=True)
    in_pieces, at_once = _record(pieces, wait=False), _record([stream], wait=False)
    # After an upgrade to an unsupported protocol, uvicorn drops the rest of the read, but not the following reads.
    if len(stream) <= MAX_HEAD_BYTES and b"pgrade" not in stream:
        assert in_pieces == at_once


def frames(data: bytes) -> None:
    """Send frames in pieces, and at once: the application receives the same messages until it closes."""
    pieces, stream = split(data)
    in_pieces, _ = _record([HANDSHAKE, *pieces], wait=True)
    at_once, _ = _record([HANDSHAKE, stream], wait=True)
    loop().run_until_complete(_gateway(with_keys=False).converse([HANDSHAKE, *pieces]))
    count = min(len(in_pieces), len(at_once))
    assert in_pieces[:count] == at_once[:count]


def upgrade(data: bytes) -> None:
    """Send a handshake with any headers, and frames after it: it gets a response."""
    headers, _, rest = data.partition(b"\n\n")
    handshake = HANDSHAKE.removesuffix(b"\r\n") + headers.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    _, written = _record([handshake, rest], wait=True)
    assert written.startswith(b"HTTP/1.1 ")
    _record([handshake, rest], wait=False)


class InstantUpstream:
    """An upstream that sends a complete answer at once."""

    name = "instant"

    def can_continue(self, _call: UpstreamRequest) -> bool:
        return False

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        return _InstantResponse(call.model)

    async def close(self) -> None:
        pass


class _InstantResponse:
    def __init__(self, model: str) -> None:
        self.model, self.reads, self.is_done = model, NEVER_READ, False

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        take([Chunk("Hi"), Finished("stop")])

    def use_fast_path(self, fast_path: FastPath) -> None:
        pass

    def stop(self) -> None:
        pass

    def complete(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Gateway:
    """The gateway's application, with a clock that is advanced manually."""

    def __init__(self, settings: Settings) -> None:
        self._clock = ManualClock()
        app: Starlette = create_app(settings, clock=self._clock, upstream=InstantUpstream())
        self._hub: Hub = app.state.hub
        self._authenticator: Authenticator = app.state.reloader._authenticator
        self._server = Server(app)

    async def converse(self, reads: Sequence[bytes]) -> bytes:
        """Send reads to the gateway, and check that nothing is held afterwards."""
        owner = Principal("alice", "address" if self._authenticator.allows_anonymous else "key", credential=STORED.id)
        generation_id = self._hub.start(start_request(), request_id="r", principal=owner).id.encode()
        ticket = (await self._authenticator.issue_ticket(owner, "start", ""))[0].encode()
        written = await self._server.converse(
            [read.replace(GENERATION_ID, generation_id).replace(TICKET, ticket) for read in reads]
        )
        await run_until_idle()
        for _ in range(2):
            # A generation ends after its grace period, and is removed after its retention period.
            self._clock.advance(RETENTION)
            await run_until_idle()
        held = len(self._hub._records._by_id)
        assert (self._hub.viewers, self._hub.running, held, self._clock.pending) == (0, 0, 0, 0)
        return written


@cache
def _gateway(*, with_keys: bool) -> Gateway:
    keys = (f"{STORED.name}:{STORED.id}:{STORED.hash}",) if with_keys else ()
    settings = Settings(
        model=("m",), max_concurrent=0, rate_limit_per_minute=0, max_body_bytes=2000, keys=keys, allowed_origins=()
    )
    return Gateway(settings)


def requests(data: bytes) -> None:
    """Send requests to the gateway: each gets a response, and never status 500."""
    pieces, _ = split(data)
    written = loop().run_until_complete(_gateway(with_keys=data[:1] < b"\x80").converse(pieces))
    status = re.match(rb"HTTP/1\.1 (\d+) ", written)
    assert (status is None) == (not written)
    if status is not None:
        assert int(status[1]) < 500 or int(status[1]) == 503, written


def commands(data: bytes) -> None:
    """Send one message per line to the gateway's WebSocket: all messages that come back are JSON."""
    messages = [masked(line) for line in data.split(b"\n", MAX_COMMANDS)]
    written = loop().run_until_complete(_gateway(with_keys=False).converse([HANDSHAKE, *messages]))
    _, _, frames_written = written.partition(b"\r\n\r\n")
    for opcode, payload in decode_frames(frames_written):
        assert opcode in {1, 8, 10}
        assert opcode != 1 or orjson.loads(payload)["type"]


_AUTHORIZATION: Final = b"Authorization: Bearer " + KEY.text().encode() + b"\r\n"
_BODY: Final = b'{"messages":[{"role":"user","content":"Hi"}]}'


def _request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = b"".join(header + b"\r\n" for header in (b"Host: localhost", *headers))
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    return b"%b HTTP/1.1\r\n%b%b%b\r\n%b" % (line, lines, _AUTHORIZATION, length, body)


_CHUNKED: Final = (
    b"POST /x?y HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n"
    b"5;x=y\r\nhello\r\n0\r\nt: v\r\n\r\n"
)
_HTTP_TOKENS: Final = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: localhost\r\n",
        b"Connection: close\r\n",
        b"0\r\n\r\n",
    ),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n", b"GET ", b"CONNECT "),
    *(b"Connection: upgrade\r\n", b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
)
_FRAMES: Final = (
    masked(b"Hi"),
    masked(b"H", 0x01) + masked(b"", 0x00) + masked(b"i", 0x80),
    masked(b"\x00\xff", 0x82),
    masked(b"ping", 0x89) + masked(b"pong", 0x8A),
    masked(b"\x03\xe8bye", 0x88),
    masked(b"close") + masked(b"\xff"),
    masked(b"x" * 300),
)

TARGETS: Final = [
    Target(
        "http",
        "HTTP/1.1, as bytes",
        "the same requests and responses for every split; nothing is raised or logged; no task is left",
        http,
        [
            bytes([length]) + data
            for length in (0, 7)
            for data in (
                _CHUNKED,
                b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /b HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + _CHUNKED,
                b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
                b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nmore",
                HANDSHAKE + _FRAMES[0],
            )
        ],
        _HTTP_TOKENS,
    ),
    Target(
        "upgrade",
        "the WebSocket handshake",
        "it gets a response; nothing is raised or logged; no task is left",
        upgrade,
        [
            b"Sec-WebSocket-Protocol: a, b\nOrigin: x\n\n" + _FRAMES[0],
            b"X: \xff\n\n" + _FRAMES[4],
            b"\n\n" + _FRAMES[5],
        ],
        (
            b"Sec-WebSocket-Extensions: permessage-deflate",
            b"Sec-WebSocket-Key: a",
            b"Sec-WebSocket-Version: 8",
            b"\xff",
        ),
    ),
    Target(
        "frames",
        "WebSocket frames, as bytes",
        "the same messages for every split; nothing is raised or logged; no task is left",
        frames,
        [bytes([length]) + data for length in (0, 1) for data in (*_FRAMES, b"".join(_FRAMES))],
        (*_FRAMES, b"\x81\x80\0\0\0\0", b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0", b"\x88\x82\0\0\0\0", b"\xff"),
    ),
    Target(
        "requests",
        "requests to the gateway itself, with and without keys: routes, queries, headers, bodies",
        "never 500; nothing is raised or logged; nothing is held afterwards",
        requests,
        [
            bytes([length]) + data
            for length in (0, 255)
            for data in (
                _request(b"POST /api/chat/stream", body=_BODY),
                _request(b"POST /api/generations", b"Idempotency-Key: k", b"X-Request-ID: r", body=_BODY),
                _request(b"GET /api/chat/stream?prompt=Hi&model=m", b"Accept: text/event-stream"),
                _request(b"GET /api/chat/stream?prompt=Hi&ticket={ticket}", b"Accept: text/event-stream"),
                _request(b"GET /api/generations/{id}/events?last_event_id={id}:1", b"Last-Event-ID: {id}:2"),
                _request(b"GET /api/generations/{id}", b"Origin: http://a", b"Sec-Fetch-Site: same-origin"),
                _request(b"POST /api/generations/{id}/feedback", body=b'{"mode":"note","text":"x"}'),
                _request(b"POST /api/generations/{id}/interrupt", body=b'{"reason":"x"}'),
                _request(b"POST /api/tickets", body=b'{"generation_id":"{id}","commands":true}'),
                _request(b"GET /v1/models/m") + _request(b"GET /api/stats") + _request(b"OPTIONS /api/models"),
                _request(b"GET /ready") + _request(b"HEAD /health"),
            )
        ],
        (
            *_HTTP_TOKENS,
            b"/api/",
            b"{id}",
            b"{ticket}",
            b"ticket=",
            b"last_event_id=",
            b"Accept: text/event-stream\r\n",
        ),
    ),
    Target(
        "commands",
        "commands on the gateway's WebSocket",
        "each message of the gateway is JSON; nothing is raised or logged; nothing is held afterwards",
        commands,
        [
            b'{"type":"start","id":1,"messages":[{"role":"user","content":"Hi"}]}\n{"type":"ping","id":2}',
            b'{"type":"attach","id":1,"generation_id":"{id}","after":"{id}:1"}\n{"type":"detach","generation_id":"{id}"}',
            b'{"type":"attach","id":1,"generation_id":"{id}","after":1}\n{"type":"interrupt","generation_id":"{id}"}',
            b'{"type":"feedback","id":"f","generation_id":"{id}","mode":"note","rating":1}',
            b'{"type":"hello","id":1,"ticket":"{ticket}"}\n{"type":"hello","token":"x"}\n[]\n\n\xff',
        ],
        (*TOKENS, b"{id}", b"\n"),
    ),
]
