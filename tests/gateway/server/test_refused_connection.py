"""A connection that is not admitted gets its response in the form that its client can read."""

from contextlib import AsyncExitStack

import orjson
import pytest

from gateway.config import Settings
from gateway.server.refused_connection import MAX_BYTES, MAX_WAITING
from tests.gateway.server.raw_client import GET, connected, counter_of, expect_refusal, protocols_of, read_response
from tests.served.gateway import Configure, Served, as_command
from tests.served.viewers import until

EVENTS = b"GET /api/chat/stream?prompt=a HTTP/1.1\r\nHost: localhost\r\nX: y\r\nAccept: text/event-stream\r\n\r\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_connections_per_address": None, "max_connections": 1})


@pytest.fixture
def configure() -> Configure:
    return as_command


@pytest.mark.parametrize("cut", [0, 3, 60, len(EVENTS) - 1])
async def test_an_event_source_is_asked_to_come_back(served: Served, cut: int) -> None:
    async with connected(served), connected(served) as (reader, writer):
        writer.write(EVENTS[:cut])
        await writer.drain()
        writer.write(EVENTS[cut:])
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream")
        fields = dict(line.split(b": ", 1) for line in body.rstrip().split(b"\n"))
        assert (fields[b"event"], fields.keys() & {b"id"}) == (b"rejected", set())
        assert 1000 <= int(fields[b"retry"]) <= 2000
        rejected = orjson.loads(fields[b"data"])
        assert (rejected["code"], rejected["retryable"], rejected["retry_after_ms"]) == ("queue_full", True, 1000)
    await until(lambda: not served.protocols)


@pytest.mark.parametrize(
    "request_bytes",
    [
        GET,
        EVENTS.replace(b"GET", b"POST"),
        EVENTS.replace(b"Accept", b"X-Accept"),
        b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_BYTES,
        b"\x16\x03\x01 no HTTP\r\n\r\n",
    ],
    ids=["a GET", "a POST", "another header", "a long head", "no HTTP"],
)
async def test_other_clients_get_the_status(served: Served, request_bytes: bytes) -> None:
    async with connected(served), connected(served) as (reader, writer):
        writer.write(request_bytes)
        assert (await expect_refusal(reader, 503))["code"] == "queue_full"


async def test_few_wait_and_others_get_their_response_unread(served: Served) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connected(served))
        await until(lambda: bool(protocols_of(served)))
        counter = counter_of(protocols_of(served)[0])
        for _ in range(MAX_WAITING):
            await stack.enter_async_context(connected(served))
        await until(lambda: counter.refused == MAX_WAITING)
        reader, _ = await stack.enter_async_context(connected(served))
        await expect_refusal(reader, 503)
        assert counter.refused == MAX_WAITING
    await until(lambda: not counter.refused)


async def test_one_that_sends_nothing_gets_its_response_all_the_same(served: Served) -> None:
    async with connected(served), connected(served) as (reader, _):
        assert (await read_response(reader))[0] == 503
