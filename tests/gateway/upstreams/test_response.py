"""Streamed responses on real sockets: every way in which bytes may arrive, and end."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.protocol.errors import Code
from gateway.protocol.events import Chunk, ToolCall
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest
from gateway.upstreams.long_text import MAX_CHARS
from gateway.upstreams.response import StreamedResponse
from tests.event_loop import settle
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    REQUEST,
    RESPONSE_HEAD,
    chunked,
    delta,
    event,
    opened,
    raw_upstream,
    read_events,
    read_failure,
    respond_stream,
)


async def test_broken_framing_is_reported_at_once() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + chunked(delta(content="Once ")))
        await settle()
        writer.write(b"zzz\r\n")

    failed, events = await read_failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert events == [Chunk("Once ")]


async def test_an_end_while_the_buffer_is_full_loses_nothing() -> None:
    text = "".join(f"{number} " for number in range(40_000))
    words = text.split(" ")[:-1]
    body = b"".join(delta(content=f"{word} ") for word in words) + DONE
    head = RESPONSE_HEAD.replace(b"Transfer-Encoding: chunked\r\n", b"Content-Length: %d\r\n" % len(body))

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)

    async with raw_upstream(serve) as (upstream, _):
        events = await read_events(upstream)
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == text


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_characters_survive_every_split(size: int) -> None:
    text = "Tiếng Việt: ế ộ ữ 👩‍👩‍👧‍👦 🇻🇳 e\u0302\u0301"
    stream = delta(content=text) + delta(finish_reason="stop") + DONE
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    async with raw_upstream(respond_stream(*chunks)) as (upstream, _):
        assert await read_events(upstream) == [Chunk(text), Finished("stop")]


async def test_a_stop_between_two_reads_closes_the_connection_in_the_same_call() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + chunked(delta(content="Once ")))

    disconnects: asyncio.Queue[int] = asyncio.Queue()
    async with raw_upstream(serve, disconnects) as (upstream, _), opened(upstream, REQUEST) as response:
        came = asyncio.Event()
        reading = asyncio.ensure_future(response.stream(lambda _events: came.set()))
        await came.wait()
        response.stop()
        assert isinstance(response, StreamedResponse)
        assert response._connection.is_lost
        await reading
        assert await disconnects.get() == 1


async def test_its_end_is_known_when_the_last_events_are_handed_over() -> None:
    read = asyncio.Event()

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + chunked(delta(content="Once ")))
        await read.wait()
        writer.write(chunked(delta(content="more") + delta(finish_reason="stop") + DONE) + b"0\r\n\r\n")

    async with raw_upstream(serve) as (upstream, _), opened(upstream, REQUEST) as response:
        found: list[tuple[bool, UpstreamEvent]] = []

        def on_events(events: Sequence[UpstreamEvent]) -> None:
            found.extend((response.is_done, one) for one in events)
            read.set()

        await response.stream(on_events)
        assert found == [(False, Chunk("Once ")), (True, Chunk("more")), (True, Finished("stop"))]


async def test_a_lost_connection_after_the_end_mark_is_no_failure() -> None:
    async with raw_upstream(respond_stream(COMPLETE, end=False)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]


@pytest.mark.parametrize("end", [True, False], ids=["clean end", "connection lost"])
async def test_a_response_without_its_end_mark_is_truncated(*, end: bool) -> None:
    failed, events = await read_failure(respond_stream(delta(content="Once "), end=end))
    assert (failed.code, failed.retryable) == (Code.TRUNCATED, True)
    assert events == [Chunk("Once ")]


@pytest.mark.parametrize("sent", [b"data: {oops\n\n", b"data: [1]\n\n", b"data: \xff\n\n"])
async def test_a_malformed_event_is_a_failure_and_earlier_events_count(sent: bytes) -> None:
    failed, events = await read_failure(respond_stream(delta(content="Once ") + sent))
    assert (failed.code, failed.retryable) == (Code.UPSTREAM_PROTOCOL, True)
    assert events == [Chunk("Once ")]


async def test_an_event_of_several_mebibytes_is_read() -> None:
    # Three bytes each in UTF-8, and split over many reads.
    text = "語" * (1 << 20)
    async with raw_upstream(respond_stream(delta(content=text) + delta(finish_reason="stop") + DONE)) as (upstream, _):
        events = await read_events(upstream)
    pieces = [event.content for event in events if isinstance(event, Chunk)]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= MAX_CHARS


@pytest.mark.parametrize("reads", [1, 3])
async def test_long_text_in_a_stream_that_is_read_by_template_is_cut_too(reads: int) -> None:
    long = "👩‍👩‍👧 và " * 5000
    texts = ["a ", long, "b ", "c ", long, long, "d "]
    stream = b"".join(delta(content=text) for text in texts) + COMPLETE
    size = len(stream) // reads + 1
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    async with raw_upstream(respond_stream(*chunks)) as (upstream, _):
        events = await read_events(upstream)
    pieces = [event.content for event in events if isinstance(event, Chunk)]
    assert "".join(pieces) == "".join(texts) + "Xin chào"
    assert max(map(len, pieces)) <= MAX_CHARS


@pytest.mark.parametrize("end", [b"", b"\n\n"], ids=["still coming", "complete"])
async def test_an_event_larger_than_the_limit_is_final_and_earlier_events_count(end: bytes) -> None:
    limit = 100_000
    failed, events = await read_failure(
        respond_stream(delta(content="Once ") + b"data: " + b"x" * limit + end), max_event_bytes=limit
    )
    assert (failed.code, failed.retryable) == (Code.EVENT_TOO_LARGE, False)
    assert "100000 bytes" in failed.message
    assert "max_event_bytes" in failed.message
    assert events == [Chunk("Once ")]


@pytest.mark.parametrize("rest", [b"data: {oops\n\n", event({"error": {"message": "late"}})])
async def test_after_the_end_mark_no_fault_counts(rest: bytes) -> None:
    async with raw_upstream(respond_stream(COMPLETE + rest)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]
    async with raw_upstream(respond_stream(COMPLETE + DONE, end=False)) as (upstream, _):
        assert await read_events(upstream) == [Chunk("Xin chào"), Finished("stop")]


async def test_an_answer_that_is_completed_before_its_end_gets_what_the_end_adds() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "now", "arguments": ""}}
    events: list[UpstreamEvent] = []

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD + chunked(delta(tool_calls=[call]) + delta(finish_reason="tool_calls")))
        await asyncio.Event().wait()

    async with raw_upstream(serve) as (upstream, _):
        response = await upstream.open(UpstreamRequest("m", (), {}))

        def take(read: Sequence[UpstreamEvent]) -> None:
            events.extend(read)
            if Finished("tool_calls") in read:
                asyncio.get_running_loop().call_soon(response.complete)

        await response.stream(take)
        await response.close()
    assert events == [
        *(ToolCall(0, "a", "now", ""), Finished("tool_calls")),
        *(ToolCall(0, None, None, "{}"), Finished("tool_calls")),
    ]
