"""Limits of request heads and bodies: what `HttpProtocol` refuses, and the response to it."""

import orjson
import pytest

from gateway.config import Settings
from gateway.server.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from tests.event_loop import settle
from tests.gateway.server.peer import sent
from tests.gateway.server.raw_client import GET, UPGRADE, connected, expect_refusal, pour, protocols_of, read_response
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": 3, "max_connections": 5})


@pytest.fixture
def configure() -> Configure:
    return as_command


@pytest.mark.parametrize(
    ("head", "status", "message"),
    [
        (
            b"GET /health?" + b"x" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
            414,
            "in the body of a POST",
        ),
        (b"GET /health?" + b"x" * (MAX_HEAD_BYTES + 1), 414, "in the body of a POST"),
        (GET[:-2] + b"A: b\r\n" * MAX_HEADERS + b"\r\n", 431, f"more than {MAX_HEADERS} headers"),
        (GET[:-2] + b"A: " + b"b" * MAX_HEAD_BYTES, 431, f"larger than {MAX_HEAD_BYTES} bytes"),
        (b"\x16\x03\x01\x00\xa5\r\n\r\n", 400, "not a valid HTTP/1.1 request"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "not a valid HTTP/1.1 request"),
        (UPGRADE + b"Content-Length: 2\r\n\r\n", 400, "must not have a body"),
        (UPGRADE + b"A: b\r\n" * MAX_HEADERS + b"\r\n", 431, f"more than {MAX_HEADERS} headers"),
        (UPGRADE.replace(b"/ws", b"/ws?" + b"x" * MAX_URL_BYTES) + b"\r\n", 414, "in the body of a POST"),
    ],
)
async def test_a_head_above_a_limit_is_refused_with_the_usual_error(
    served: Served, head: bytes, status: int, message: str
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(head)
        error = await expect_refusal(reader, status)
        assert (error["code"], error["retryable"]) == ("invalid_request", False)
        assert message in str(error["message"])


async def test_a_head_at_the_limits_passes(served: Served) -> None:
    url = b"/health?" + b"x" * (MAX_URL_BYTES - len("/health?"))
    async with connected(served) as (reader, writer):
        head = b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % url
        writer.write(head + b"A: b\r\n" * (MAX_HEADERS - 1) + b"\r\n")
        assert (await read_response(reader))[0] == 200


@pytest.mark.parametrize("reads", [1, 2, 7])
@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 431)])
async def test_a_head_may_have_exactly_its_limit_in_any_number_of_reads(
    served: Served, reads: int, excess: int, status: int
) -> None:
    head = GET[:-2] + b"A: %b\r\n\r\n" % (b"b" * (MAX_HEAD_BYTES + excess - len(GET) - 5))
    assert len(head) == MAX_HEAD_BYTES + excess
    size = -(-len(head) // reads)
    async with connected(served) as (reader, writer):
        for start in range(0, len(head), size):
            writer.write(head[start : start + size])
            await settle()
        assert (await read_response(reader))[0] == status


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://localhost/api/stats", b"evil.example", 200),
        (b"http://me:x@localhost?a=b", b"evil.example", 200),
        (b"HTTP://evil.example/api/stats", b"localhost", 403),
        (b"http:///api/stats", b"localhost", 400),
        (b"/api/stats?url=http://evil.example/", b"localhost", 200),
    ],
)
async def test_the_host_of_a_target_in_absolute_form_counts(
    served: Served, target: bytes, host: bytes, status: int
) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"GET %b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (target, host))
        assert int((await reader.readline()).split()[1]) == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\nHost: localhost\r\nhost: localhost\r\n\r\n", 400),
        (b"GET /health HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_a_request_must_have_one_host_header(served: Served, head: bytes, status: int) -> None:
    async with connected(served) as (reader, writer):
        writer.write(head)
        assert (await read_response(reader))[0] == status


async def test_what_follows_a_refused_head_is_ignored(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    body = b'{"messages":[{"role":"user","content":"Hello"}]}'
    head = b"POST /api/generations?%b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    async with connected(served) as (reader, writer):
        writer.write(head % (b"x" * MAX_URL_BYTES, len(body)) + body + GET)
        await expect_refusal(reader, 414)
    assert served.hub.statistics.started == 0
    assert caplog.text == ""


@pytest.mark.parametrize("cut", [1, 20, len(GET)])
async def test_a_head_behind_the_rest_of_a_refused_body_is_measured_alone(cut: int) -> None:
    """The client has read an early response, finishes its upload and reuses the connection."""
    head = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n"
    _, written = await sent(head, bytes(100_000), bytes(200_000) + GET[:cut], GET[cut:])
    assert b"HTTP/1.1 4" not in written


async def test_trailers_are_limited(served: Served) -> None:
    async with connected(served) as (reader, writer):
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ")
        assert (await read_response(reader))[0] == 404
        assert await pour(reader, writer, b"b" * 1000, 1000) < 1000


async def test_a_large_body_in_chunks_does_not_count_as_a_head(served: Served) -> None:
    body = orjson.dumps({"messages": [{"role": "user", "content": "x" * 15_000}]})
    start = b"POST /api/generations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(served) as (reader, writer):
        writer.write(start + b"".join(b"1;%b\r\n%c\r\n" % (b"e" * 10, one) for one in body) + b"0\r\n")
        await until(lambda: protocols_of(served)[0].cycle is not None)
        writer.write(b"A: b\r\n\r\n")
        assert (await read_response(reader))[0] == 201
