"""Requests that are too much of something."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from tests.integration.attacks.wire import request

PIECE: Final = b"x" * (1 << 16)

Begun = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Excess:
    """What is sent at first, given the header with a key, and then again and again."""

    name: str
    how: str
    begin: Begun
    endless: bytes = b""
    stopped_by: str = ""
    statuses: tuple[int, ...] = (400, 413, 414, 431)
    """One of these must be answered; with 0, closing without a word will do."""
    hasty: bool = False
    """Whether it is refused while it is being sent: a reset may overtake the refusal."""
    unread: bool = False
    """Whether what follows a refusal may be sent on, to be thrown away for as long as a request may take."""


def _head(method: str, path: str, *headers: str) -> Begun:
    return lambda key: request(method, path, key, *headers)


def _body(value: object) -> Begun:
    return _raw(orjson.dumps(value))


def _raw(body: bytes) -> Begun:
    return lambda key: request("POST", "/api/generations", key, "Content-Type: application/json", body=body)


_MESSAGE: Final = {"role": "user", "content": "x"}
_CHUNKED: Final = ("Content-Type: application/json", "Transfer-Encoding: chunked")


def _chunked(start: bytes) -> Begun:
    return lambda key: request("POST", "/api/generations", key, *_CHUNKED) + start


EXCESSES: Final = (
    Excess(
        "URL",
        "40 KiB",
        _head("GET", f"/api/chat/stream?prompt={'x' * 40960}", "Accept: text/event-stream"),
        b"",
        "32 KiB for a URL",
    ),
    Excess(
        "Head",
        "70 KiB in two headers",
        _head("GET", "/health", *[f"X-{n}: {'x' * 35_000}" for n in "ab"]),
        b"",
        "64 KiB for a head",
        hasty=True,
    ),
    Excess(
        "One header",
        "without end",
        lambda _: b"GET /health HTTP/1.1\r\nHost: x\r\nX: ",
        PIECE,
        "64 KiB for a head",
        (431, 0),
    ),
    Excess("Headers", "101, small", _head("GET", "/health", *[f"X-{n}: 1" for n in range(101)]), b"", "100 headers"),
    Excess(
        "Headers",
        "10,000",
        _head("GET", "/health", *[f"X-{n}: 1" for n in range(10_000)]),
        b"",
        "64 KiB for a head",
        (431, 0),
        hasty=True,
    ),
    Excess(
        "Last-Event-ID",
        "2 MiB",
        _head("GET", "/api/chat/stream?prompt=x", f"Last-Event-ID: {'9' * (2 << 20)}"),
        b"",
        "64 KiB for a head",
        (431, 0),
        hasty=True,
    ),
    Excess(
        "Last-Event-ID",
        "30 KiB",
        _head("POST", "/api/chat/stream", f"Last-Event-ID: g_x:{'9' * 30_000}"),
        b"",
        "a position is short",
    ),
    Excess(
        "Idempotency-Key",
        "30 KiB",
        lambda key: request(
            "POST",
            "/api/generations",
            key,
            "Content-Type: application/json",
            f"Idempotency-Key: {'k' * 30_000}",
            body=orjson.dumps({"messages": [_MESSAGE]}),
        ),
        b"",
        "255 characters",
    ),
    Excess(
        "Key",
        "20 KB of `Authorization`",
        lambda _: request("GET", "/api/stats", f"Authorization: Bearer ds_{'x' * 20_000}"),
        b"",
        "8,192 characters, then it is none",
        (401,),
    ),
    Excess(
        "Body, declared",
        "1 GiB, none of it sent",
        _head("POST", "/api/generations", "Content-Type: application/json", f"Content-Length: {1 << 30}"),
        b"",
        "`max_body_bytes`, before a byte is read",
    ),
    Excess(
        "Body, chunked",
        "without end",
        _chunked(b""),
        b"10000\r\n%b\r\n" % PIECE,
        "`max_body_bytes`; the rest is thrown away, 60 s at most",
        (413, 0),
        unread=True,
    ),
    Excess(
        "Body, of white space",
        "without end",
        _chunked(b""),
        b"10000\r\n%b\r\n" % (b" " * len(PIECE)),
        "`max_body_bytes`; the rest is thrown away, 60 s at most",
        (413, 0),
        unread=True,
    ),
    Excess(
        "Chunk size",
        "a line of zeros without end",
        _chunked(b""),
        b"0" * len(PIECE),
        "64 KiB of what is no body",
        (400, 0),
    ),
    Excess(
        "Chunk extension", "one without end", _chunked(b"1;"), PIECE, "64 KiB of what is no body", (400, 413, 431, 0)
    ),
    Excess(
        "Trailer",
        "one without end, behind a body's last chunk",
        _chunked(b"0\r\nX: "),
        PIECE,
        "64 KiB of what is no body",
        (400, 413, 431, 0),
    ),
    Excess(
        "Trailers",
        "any number",
        _chunked(b"0\r\n"),
        b"X-Trailer: 1\r\n" * 4096,
        "64 KiB of what is no body",
        (400, 413, 431, 0),
    ),
    Excess("JSON depth", "100,000 arrays", _raw(b"[" * 100_000 + b"]" * 100_000), b"", "64 levels"),
    Excess(
        "JSON depth",
        "65 objects in the metadata",
        _raw(b'{"metadata":' + b'{"a":' * 65 + b"1" + b"}" * 66),
        b"",
        "64 levels",
    ),
    Excess("JSON values", "2 million numbers, 4 MB", _raw(b"[%b1]" % (b"1," * 2_000_000)), b"", "100,000 values"),
    Excess(
        "JSON keys",
        "300,000 of an object, 4 MB",
        _raw(b"{%b}" % b",".join(b'"k%06d":1' % n for n in range(300_000))),
        b"",
        "100,000 values",
    ),
    Excess(
        "JSON number",
        "of 1 million digits",
        _raw(b'{"messages":%b}' % (b"9" * 1_000_000)),
        b"",
        "it is no number that we know",
    ),
    Excess("Messages", "2,001", _body({"model": "plain", "messages": [_MESSAGE] * 2001}), b"", "2,000 messages"),
    Excess(
        "Metadata",
        "51 entries",
        _body({"model": "plain", "messages": [_MESSAGE], "metadata": {f"k{n}": "v" for n in range(51)}}),
        b"",
        "50 entries",
    ),
    Excess("Model", "a name of 100 KB", _body({"messages": [_MESSAGE], "model": "m" * 100_000}), b"", "256 characters"),
    Excess(
        "Role",
        "a name of 1 MB",
        _body({"messages": [{"role": "r" * (1 << 20), "content": "x"}]}),
        b"",
        "the answer quotes nothing of it",
    ),
    Excess(
        "Pipelining",
        "10,000 requests behind the first",
        lambda key: request("GET", "/api/models", key) * 10_000,
        b"",
        "none is taken while another is answered",
        (200, 0),
        hasty=True,
    ),
)
