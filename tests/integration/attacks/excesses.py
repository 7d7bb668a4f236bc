"""Requests that are too large in some way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from tests.integration.attacks.wire import request

PIECE: Final = b"x" * (1 << 16)

FirstBytes = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Excess:
    """`begin` returns the first bytes, given the header with a key; `endless` is then sent repeatedly."""

    name: str
    how: str
    begin: FirstBytes
    endless: bytes = b""
    stopped_by: str = ""
    statuses: tuple[int, ...] = (400, 413, 414, 431)
    """One of these must be the response's status; 0 means that closing without a response is enough."""
    refused_early: bool = False
    """The refusal is sent while the request is still being sent: a reset may overtake it."""
    discarded: bool = False
    """Data after the refusal may be accepted and discarded, as long as a request may take."""


def _head(method: str, path: str, *headers: str) -> FirstBytes:
    return lambda key: request(method, path, key, *headers)


def _body(value: object) -> FirstBytes:
    return _raw(orjson.dumps(value))


def _raw(body: bytes) -> FirstBytes:
    return lambda key: request("POST", "/api/generations", key, "Content-Type: application/json", body=body)


_MESSAGE: Final = {"role": "user", "content": "x"}
_CHUNKED: Final = ("Content-Type: application/json", "Transfer-Encoding: chunked")


def _chunked(start: bytes) -> FirstBytes:
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
        "Request head",
        "140 KiB in two headers",
        _head("GET", "/health", *[f"X-{n}: {'x' * 70_000}" for n in "ab"]),
        b"",
        "64 KiB for a request head",
        # More than twice the limit, so that it is refused however it is split into reads.
        (431, 0),
        refused_early=True,
    ),
    Excess(
        "One header",
        "without end",
        lambda _: b"GET /health HTTP/1.1\r\nHost: x\r\nX: ",
        PIECE,
        "64 KiB for a request head",
        (431, 0),
    ),
    Excess("Headers", "101, small", _head("GET", "/health", *[f"X-{n}: 1" for n in range(101)]), b"", "100 headers"),
    Excess(
        "Headers",
        "10,000",
        _head("GET", "/health", *[f"X-{n}: 1" for n in range(10_000)]),
        b"",
        "64 KiB for a request head",
        (431, 0),
        refused_early=True,
    ),
    Excess(
        "Last-Event-ID",
        "2 MiB",
        _head("GET", "/api/chat/stream?prompt=x", f"Last-Event-ID: {'9' * (2 << 20)}"),
        b"",
        "64 KiB for a request head",
        (431, 0),
        refused_early=True,
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
        "8,192 characters for a credential",
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
        "`max_body_bytes`; the rest is discarded, for at most 60 s",
        (413, 0),
        discarded=True,
    ),
    Excess(
        "Body, of white space",
        "without end",
        _chunked(b""),
        b"10000\r\n%b\r\n" % (b" " * len(PIECE)),
        "`max_body_bytes`; the rest is discarded, for at most 60 s",
        (413, 0),
        discarded=True,
    ),
    Excess(
        "Chunk size",
        "a line of zeros without end",
        _chunked(b""),
        b"0" * len(PIECE),
        "64 KiB beside the content of a body",
        (400, 0),
    ),
    Excess(
        "Chunk extension",
        "one without end",
        _chunked(b"1;"),
        PIECE,
        "64 KiB beside the content of a body",
        (400, 413, 431, 0),
    ),
    Excess(
        "Trailer",
        "one without end, after the last chunk of a body",
        _chunked(b"0\r\nX: "),
        PIECE,
        "64 KiB beside the content of a body",
        (400, 413, 431, 0),
    ),
    Excess(
        "Trailers",
        "any number",
        _chunked(b"0\r\n"),
        b"X-Trailer: 1\r\n" * 4096,
        "64 KiB beside the content of a body",
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
        "it is not a finite number",
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
        "the response does not quote it",
    ),
    Excess(
        "Pipelining",
        "10,000 requests after the first",
        lambda key: request("GET", "/api/models", key) * 10_000,
        b"",
        "none is read while another one is answered",
        (200, 0),
        refused_early=True,
    ),
)
