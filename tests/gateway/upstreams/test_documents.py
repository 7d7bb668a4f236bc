"""Documents of a provider's other endpoints, on real sockets."""

import asyncio

import orjson
import pytest

from gateway.protocol.errors import Code, Failed
from gateway.upstreams.documents import DocumentRequest, DocumentUpstream
from gateway.upstreams.endpoint import Endpoint
from tests.gateway.upstreams.raw_server import Serve, raw_upstream, respond

REQUEST = DocumentRequest(Endpoint(("embeddings",)), {"model": "m", "input": "x"}, {"X-Of-The-API": "1"})
JSON = "Content-Type: application/json"


async def fetched(serve: Serve, max_bytes: int = 1000) -> bytes:
    async with raw_upstream(serve, max_event_bytes=max_bytes) as (upstream, _):
        return await upstream.fetch(REQUEST)


async def test_a_document_comes_back_as_it_came() -> None:
    document = b'{ "data": [1.0],\n "usage": {} }'
    async with raw_upstream(respond("200 OK", document, JSON)) as (upstream, requests):
        assert isinstance(upstream, DocumentUpstream)
        assert await upstream.fetch(REQUEST) == document
        # The connection serves another request.
        assert await upstream.fetch(REQUEST) == document
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/embeddings HTTP/1.1")
    assert b"Authorization: Bearer sk-very-secret-key" in head
    assert b"Accept: application/json" in head
    assert b"X-Of-The-API: 1" in head
    assert orjson.loads(body) == REQUEST.body


async def test_a_request_without_a_body_is_a_get() -> None:
    async with raw_upstream(respond("200 OK", b'{"data":[]}', JSON)) as (upstream, requests):
        assert await upstream.fetch(DocumentRequest(Endpoint(("models",), "?limit=9"), None)) == b'{"data":[]}'
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"GET /v1/models?limit=9 HTTP/1.1")
    assert body == b""


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (respond("400 Bad Request", b'{"error":{"message":"no such model"}}', JSON), Code.INVALID_REQUEST),
        (respond("429 Too Many Requests", b"{}", "Retry-After: 3"), Code.RATE_LIMIT),
        (respond("401 Unauthorized"), Code.PROVIDER_AUTH),
        (respond("200 OK", b"<html>", "Content-Type: text/html"), Code.UPSTREAM_PROTOCOL),
        (respond("200 OK", b"[]", JSON), Code.UPSTREAM_PROTOCOL),
        (respond("200 OK", b'{"x":"' + 2000 * b"x" + b'"}', JSON), Code.EVENT_TOO_LARGE),
        (respond("200 OK", b"\x1f\x8b", JSON, "Content-Encoding: gzip"), Code.UPSTREAM_PROTOCOL),
    ],
)
async def test_what_can_not_be_passed_on_is_a_failure(serve: Serve, code: Code) -> None:
    with pytest.raises(Failed) as failed:
        await fetched(serve)
    assert failed.value.code == code


async def test_a_connection_that_is_lost_in_mid_document() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":')
        await writer.drain()
        writer.close()

    with pytest.raises(Failed) as failed:
        await fetched(serve)
    assert failed.value.code == Code.NETWORK_ERROR


async def test_a_call_that_is_cancelled_closes_its_connection() -> None:
    disconnects: asyncio.Queue[int] = asyncio.Queue()
    received = asyncio.Event()

    async def serve(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        received.set()

    async with raw_upstream(serve, disconnects) as (upstream, _):
        task = asyncio.ensure_future(upstream.fetch(REQUEST))
        await received.wait()
        task.cancel()
        await asyncio.wait([task])
        assert await disconnects.get() == 1
