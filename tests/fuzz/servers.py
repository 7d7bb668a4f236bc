"""What clients send to the server: HTTP and WebSocket as bytes, to an application that notes it, and to our own."""

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
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from tests.fuzz.bodies import WORDS
from tests.fuzz.credentials import KEY, STORED
from tests.fuzz.frames import HANDSHAKE, masked, unframed
from tests.fuzz.peer import Server, is_quiet
from tests.fuzz.target import Target, cut
from tests.fuzz.upstreams import loop
from tests.support import ManualClock, ask

PLACE: Final = b"{id}"
"""In an input, where the id of a generation that there is goes; ids are random."""

TICKET: Final = b"{ticket}"

MOST_LINES: Final = 1000
"""Commands of one input; the rest is one more."""

LONG: Final = 1000.0
"""Seconds after which nothing is kept of what a client started."""


class Notes:
    """An application that notes what reaches it. It closes a socket on which "close" comes."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
            return
        names = ("method", "raw_path", "query_string", "headers")
        at, body = len(self.seen), b""
        self.seen.append(None)
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
            self.seen[at] = (*(scope[name] for name in names), body, message["type"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.seen.append(message.get("text") or message.get("bytes"))
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4413, "reason": "enough"})
                return


def _noted(reads: Sequence[bytes], *, answers: bool) -> tuple[list[object], bytes]:
    notes = Notes()
    written = loop().run_until_complete(Server(notes).converse(reads, answers=answers))
    return notes.seen, written


def http(data: bytes) -> None:
    """Send HTTP as it is cut, and whole: the same requests reach the application, and the same answers come back."""
    pieces, stream = cut(data)
    _noted(pieces, answers=True)
    in_pieces, whole = _noted(pieces, answers=False), _noted([stream], answers=False)
    # Behind an upgrade to what we do not speak, uvicorn drops the rest of the read, but not the reads after it.
    if len(stream) <= MAX_HEAD_BYTES and b"pgrade" not in stream:
        assert in_pieces == whole


def frames(data: bytes) -> None:
    """Send frames as they are cut, and whole: the same messages reach the application, as far as it goes on."""
    pieces, stream = cut(data)
    in_pieces, _ = _noted([HANDSHAKE, *pieces], answers=True)
    whole, _ = _noted([HANDSHAKE, stream], answers=True)
    loop().run_until_complete(_gateway(guarded=False).converse([HANDSHAKE, *pieces]))
    least = min(len(in_pieces), len(whole))
    assert in_pieces[:least] == whole[:least]


def upgrade(data: bytes) -> None:
    """Send a handshake with whatever headers, and frames behind it: it is answered."""
    head, _, rest = data.partition(b"\n\n")
    lines = HANDSHAKE.removesuffix(b"\r\n") + head.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    _, written = _noted([lines, rest], answers=True)
    assert written.startswith(b"HTTP/1.1 ")
    _noted([lines, rest], answers=False)


class Telling:
    """An upstream that says one word, at once."""

    name = "telling"

    def can_continue(self, _call: UpstreamRequest) -> bool:
        return False

    async def open(self, call: UpstreamRequest) -> UpstreamResponse:
        return _Told(call.model)

    async def close(self) -> None:
        pass


class _Told:
    def __init__(self, model: str) -> None:
        self.model = model

    async def stream(self, take: Callable[[Sequence[UpstreamEvent]], None]) -> None:
        take([Chunk("Hi"), Finished("stop")])

    def stop(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Gateway:
    """Our own application, whose time is moved by hand."""

    def __init__(self, settings: Settings) -> None:
        self._clock = ManualClock()
        app: Starlette = create_app(settings, clock=self._clock, upstream=Telling())
        self._hub: Hub = app.state.hub
        self._authenticator: Authenticator = app.state.reloading._authenticator
        self._server = Server(app)

    async def converse(self, reads: Sequence[bytes]) -> bytes:
        """Let a client send this; see that nothing is left of it."""
        owner = Principal("alice", "address" if self._authenticator.allows_anonymous else "key", credential=STORED.id)
        known = self._hub.start(ask(), request_id="r", principal=owner).id.encode()
        ticket = self._authenticator.issue_ticket(owner, "start", "")[0].encode()
        written = await self._server.converse([read.replace(PLACE, known).replace(TICKET, ticket) for read in reads])
        await is_quiet()
        for _ in range(2):
            # A generation ends after its grace, and is forgotten after its retention.
            self._clock.advance(LONG)
            await is_quiet()
        assert (self._hub.viewers, self._hub.running, len(self._hub._records._by_id), self._clock.pending) == (
            0,
            0,
            0,
            0,
        )
        return written


@cache
def _gateway(*, guarded: bool) -> Gateway:
    keys = (f"{STORED.name}:{STORED.id}:{STORED.hash}",) if guarded else ()
    settings = Settings(
        model=("m",), max_concurrent=0, rate_limit_per_minute=0, max_body_bytes=2000, keys=keys, allowed_origins=()
    )
    return Gateway(settings)


def requests(data: bytes) -> None:
    """Send requests to the gateway: each is answered, and never by "the gateway failed"."""
    pieces, _ = cut(data)
    written = loop().run_until_complete(_gateway(guarded=data[:1] < b"\x80").converse(pieces))
    found = re.match(rb"HTTP/1\.1 (\d+) ", written)
    assert (found is None) == (not written)
    if found is not None:
        assert int(found[1]) < 500 or int(found[1]) == 503, written


def commands(data: bytes) -> None:
    """Send messages to the gateway's socket, one a line: each gets an answer that is JSON."""
    sent = [masked(line) for line in data.split(b"\n", MOST_LINES)]
    written = loop().run_until_complete(_gateway(guarded=False).converse([HANDSHAKE, *sent]))
    _, _, answers = written.partition(b"\r\n\r\n")
    for kind, payload in unframed(answers):
        assert kind in {1, 8, 10}
        assert kind != 1 or orjson.loads(payload)["type"]


_AUTHORIZATION: Final = b"Authorization: Bearer " + KEY.text().encode() + b"\r\n"
_BODY: Final = b'{"messages":[{"role":"user","content":"Hi"}]}'


def _request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    head = b"".join(header + b"\r\n" for header in (b"Host: localhost", *headers))
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    return b"%b HTTP/1.1\r\n%b%b%b\r\n%b" % (line, head, _AUTHORIZATION, length, body)


_CHUNKED: Final = (
    b"POST /x?y HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n"
    b"5;x=y\r\nhello\r\n0\r\nt: v\r\n\r\n"
)
_HTTP_WORDS: Final = (
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
        "the same requests and answers however it is cut; nothing is raised or logged; no task stays",
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
        _HTTP_WORDS,
    ),
    Target(
        "upgrade",
        "the WebSocket handshake",
        "it is answered; nothing is raised or logged; no task stays",
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
        "the same messages however they are cut; nothing is raised or logged; no task stays",
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
        (*_HTTP_WORDS, b"/api/", b"{id}", b"{ticket}", b"ticket=", b"last_event_id=", b"Accept: text/event-stream\r\n"),
    ),
    Target(
        "commands",
        "commands on the gateway's WebSocket",
        "each answer is JSON; nothing is raised or logged; nothing is held afterwards",
        commands,
        [
            b'{"type":"start","id":1,"messages":[{"role":"user","content":"Hi"}]}\n{"type":"ping","id":2}',
            b'{"type":"attach","id":1,"generation_id":"{id}","after":"{id}:1"}\n{"type":"detach","generation_id":"{id}"}',
            b'{"type":"attach","id":1,"generation_id":"{id}","after":1}\n{"type":"interrupt","generation_id":"{id}"}',
            b'{"type":"feedback","id":"f","generation_id":"{id}","mode":"note","rating":1}',
            b'{"type":"hello","id":1,"ticket":"{ticket}"}\n{"type":"hello","token":"x"}\n[]\n\n\xff',
        ],
        (*WORDS, b"{id}", b"\n"),
    ),
]
