"""The OpenAI-compatible upstream against raw bytes on a real socket: what servers do right, and what they do wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from pydantic import SecretStr

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk, Reasoning, ToolCall, Usage
from gateway.upstreams.base import Finished, UpstreamEvent, UpstreamRequest, UpstreamResponse
from gateway.upstreams.connections import ConnectionLimits, TrackedProtocol, UpstreamConnection
from gateway.upstreams.errors import retry_after_ms
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.parts import apart
from tests.support import settle, user

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CALL = UpstreamRequest("model-1", [user("Hello")], {"temperature": 0.5})
KEY = SecretStr("sk-very-secret-key")
Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(value: object) -> bytes:
    return b"data: %b\n\n" % (value if isinstance(value, bytes) else orjson.dumps(value))


def delta(finish_reason: str | None = None, **fields: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]})


WHOLE = delta(role="assistant", content="") + delta(content="Xin chào") + delta(finish_reason="stop")
DONE = event(b"[DONE]")


@asynccontextmanager
async def provider(
    serve: Serve, hung_up: asyncio.Queue[int] | None = None
) -> AsyncIterator[tuple[HttpUpstream, list[bytes]]]:
    """Run a server that hands each request to `serve`; note what it got and, after how many requests, a hang-up."""
    requests: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                requests.append(head + await reader.readexactly(length))
                await serve(requests[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            if hung_up is not None:
                hung_up.put_nowait(len(requests))
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = HttpUpstream(
        "test", f"http://127.0.0.1:{port}/v1/", OpenAIChatFormat(), KEY, ConnectionLimits(connect_timeout=5)
    )
    try:
        yield upstream, requests
    finally:
        await upstream.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def bodies(*pieces: bytes, end: bool = True) -> Serve:
    """Serve a stream of these pieces, each its own chunk."""

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(map(chunked, pieces)) + (b"0\r\n\r\n" if end else b""))
        if not end:
            await writer.drain()
            writer.close()

    return serve


def answers(status: str, body: bytes = b"", *headers: str) -> Serve:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return serve


@asynccontextmanager
async def opened(upstream: HttpUpstream, call: UpstreamRequest) -> AsyncIterator[UpstreamResponse]:
    answer = await upstream.open(call)
    try:
        yield answer
    finally:
        await answer.close()


async def read(upstream: HttpUpstream, into: list[UpstreamEvent] | None = None) -> list[UpstreamEvent]:
    parts: list[UpstreamEvent] = [] if into is None else into
    async with opened(upstream, CALL) as answer:
        await answer.stream(lambda read: parts.extend(apart(read)))
    return parts


async def failure(serve: Serve) -> tuple[Failed, list[UpstreamEvent]]:
    parts: list[UpstreamEvent] = []
    async with provider(serve) as (upstream, _):
        with pytest.raises(Failed) as failed:
            await read(upstream, parts)
    return failed.value, parts


async def test_a_number_of_thousands_of_digits_is_the_providers_fault_not_ours() -> None:
    failed, parts = await failure(bodies(delta(content="Once ") + event(b'{"n":%b}' % (b"1" * 5000))))
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert parts == [Chunk("Once ")]


async def test_broken_framing_is_said_at_once() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunked(delta(content="Once ")))
        await settle()
        writer.write(b"zzz\r\n")

    failed, parts = await failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert parts == [Chunk("Once ")]


async def test_an_end_that_comes_while_the_buffer_is_full_loses_nothing() -> None:
    text = "".join(f"{number} " for number in range(40_000))
    words = text.split(" ")[:-1]
    body = b"".join(delta(content=f"{word} ") for word in words) + DONE
    head = HEAD.replace(b"Transfer-Encoding: chunked\r\n", b"Content-Length: %d\r\n" % len(body))

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)

    async with provider(serve) as (upstream, _):
        parts = await read(upstream)
    assert "".join(part.content for part in parts if isinstance(part, Chunk)) == text


async def test_a_connection_that_another_call_has_by_now_keeps_its_listener() -> None:
    first, second = UpstreamConnection(), UpstreamConnection()
    protocol = TrackedProtocol(asyncio.get_running_loop())
    heard: list[str] = []

    def by_first() -> None:
        heard.append("first")

    def by_second() -> None:
        heard.append("second")

    for line, listener in ((first, by_first), (second, by_second)):
        line.attach(protocol)
        line.set_listener(listener)
    first.remove_listener(by_first)
    protocol.connection_lost(None)
    assert heard == ["second"]


async def test_the_request_it_makes() -> None:
    async with provider(bodies(WHOLE, DONE)) as (upstream, requests):
        await read(upstream)
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert b"Authorization: Bearer sk-very-secret-key" in head
    assert b"Accept-Encoding: identity" in head
    assert orjson.loads(body) == {
        "model": "model-1",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_everything_becomes_a_part() -> None:
    tool = {"index": 1, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    more = {"index": 1, "function": {"arguments": '{"city":'}}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}}
    stream = (
        b": a comment\n\n"
        + delta(role="assistant", content=None)
        + delta(reasoning_content="Hm. ")
        + delta(reasoning="Well. ")
        + delta(content="Xin ")
        + delta(content="")
        + delta(tool_calls=[tool])
        + delta(tool_calls=[more])
        + event({"choices": [{"index": 1, "delta": {"content": "another choice"}}]})
        + delta(finish_reason="tool_calls")
        + event(usage)
        + DONE
    )
    async with provider(bodies(stream)) as (upstream, _):
        assert await read(upstream) == [
            Reasoning("Hm. "),
            Reasoning("Well. "),
            Chunk("Xin "),
            ToolCall(1, "call_1", "weather", ""),
            ToolCall(1, None, None, '{"city":'),
            Finished("tool_calls"),
            Usage(3, 0, "exact"),
        ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_characters_survive_every_split(size: int) -> None:
    text = "Tiếng Việt: ế ộ ữ 👩‍👩‍👧‍👦 🇻🇳 e\u0302\u0301"
    stream = delta(content=text) + delta(finish_reason="stop") + DONE
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    async with provider(bodies(*pieces)) as (upstream, _):
        assert await read(upstream) == [Chunk(text), Finished("stop")]


async def test_a_character_cut_between_surrogates_is_put_together() -> None:
    halves = b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', b'{"choices":[{"delta":{"content":"\\ude42b"}}]}'
    lone = b'{"choices":[{"delta":{"content":"\\udc00!"}}]}'
    stream = b"".join(map(event, (*halves, lone))) + delta(finish_reason="stop") + DONE
    async with provider(bodies(stream)) as (upstream, _):
        assert await read(upstream) == [Chunk("a"), Chunk("🙂b"), Chunk("\ufffd!"), Finished("stop")]


@pytest.mark.parametrize("tail", [DONE, b""], ids=["done", "finish reason alone"])
async def test_either_end_mark_will_do(tail: bytes) -> None:
    async with provider(bodies(WHOLE + tail)) as (upstream, _):
        assert await read(upstream) == [Chunk("Xin chào"), Finished("stop")]
    async with provider(bodies(delta(content="x") + DONE)) as (upstream, _):
        assert await read(upstream) == [Chunk("x"), Finished(None)]


async def test_a_cut_after_the_end_mark_is_no_failure() -> None:
    async with provider(bodies(WHOLE, end=False)) as (upstream, _):
        assert await read(upstream) == [Chunk("Xin chào"), Finished("stop")]


@pytest.mark.parametrize("end", [True, False], ids=["clean end", "connection cut"])
async def test_an_answer_without_its_end_mark_is_truncated(*, end: bool) -> None:
    failed, parts = await failure(bodies(delta(content="Once "), end=end))
    assert (failed.code, failed.retryable) == (Code.TRUNCATED, True)
    assert parts == [Chunk("Once ")]


@pytest.mark.parametrize(
    "line", [b"data: {oops\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b"data: " + b"x" * (2 << 20)]
)
async def test_a_malformed_line_is_a_failure_and_what_came_before_counts(line: bytes) -> None:
    failed, parts = await failure(bodies(delta(content="Once ") + line))
    assert (failed.code, failed.retryable) == (Code.UPSTREAM_PROTOCOL, True)
    assert parts == [Chunk("Once ")]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ({"message": "slow down", "type": "rate_limit_error"}, Code.RATE_LIMIT, ""),
        ({"message": "oops at 10.0.0.7:99", "code": 500}, Code.SERVER_ERROR, ""),
        ({"message": "too long: 9000 > 8192", "type": "invalid_request_error"}, Code.INVALID_REQUEST, "9000 > 8192"),
        ({"message": "no", "code": 429}, Code.RATE_LIMIT, ""),
        ("just words", Code.SERVER_ERROR, ""),
    ],
)
async def test_an_error_inside_the_stream(error: object, code: Code, words: str) -> None:
    failed, _ = await failure(bodies(delta(content="x") + event({"error": error})))
    assert failed.code is code
    assert words in failed.message
    assert "10.0.0.7" not in failed.message


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "retryable"),
    [
        ("400 Bad Request", b'{"error":{"message":"context is too long"}}', (), Code.INVALID_REQUEST, False),
        ("401 Unauthorized", b'{"error":{"message":"bad key sk-very-secret-key"}}', (), Code.AUTH_ERROR, False),
        ("403 Forbidden", b"", (), Code.AUTH_ERROR, False),
        ("404 Not Found", b"", (), Code.MODEL_NOT_FOUND, False),
        ("429 Too Many Requests", b"", ("Retry-After: 7",), Code.RATE_LIMIT, True),
        ("500 Oops", b"<html>secret.internal</html>", (), Code.SERVER_ERROR, True),
        ("503 Unavailable", b"", (), Code.SERVER_ERROR, True),
        ("529 Overloaded", b"", (), Code.SERVER_ERROR, True),
        ("302 Found", b"", ("Location: http://127.0.0.1:1/",), Code.UPSTREAM_PROTOCOL, False),
        ("200 OK", b"<html>hello</html>", ("Content-Type: text/html",), Code.UPSTREAM_PROTOCOL, False),
        ("200 OK", b"{}", ("Content-Type: application/json",), Code.UPSTREAM_PROTOCOL, False),
    ],
)
async def test_an_answer_that_is_no_stream(
    status: str, body: bytes, headers: tuple[str, ...], code: Code, *, retryable: bool
) -> None:
    failed, parts = await failure(answers(status, body, *headers))
    assert (failed.code, failed.retryable, parts) == (code, retryable, [])
    assert failed.retry_after_ms == (7000 if status.startswith("429") else None)
    for private in ("secret", "127.0.0.1", "<"):
        assert private not in failed.message
    if status.startswith("400"):
        assert failed.message == "The provider refused the request (HTTP 400): context is too long"


async def test_nobody_listens() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    upstream = HttpUpstream("test", f"http://127.0.0.1:{port}/v1", OpenAIChatFormat())
    with pytest.raises(Failed, match="can't be reached") as failed:
        await read(upstream)
    await upstream.close()
    assert (failed.value.code, failed.value.retryable) == (Code.NETWORK_ERROR, True)
    assert str(port) not in failed.value.message


async def test_a_connection_closed_without_an_answer() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    failed, _ = await failure(serve)
    assert failed.code is Code.NETWORK_ERROR


async def test_what_is_not_http() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    failed, _ = await failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL


async def test_a_connection_that_served_is_used_again() -> None:
    connections = set()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await bodies(WHOLE, DONE)(request, writer)

    async with provider(serve) as (upstream, requests):
        for _ in range(5):
            await read(upstream)
    assert (len(requests), len(connections)) == (5, 1)


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_word() -> None:
    """llama.cpp says keep-alive and closes: the next call must not fail for it."""
    closing = asyncio.Event()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if requests_on.setdefault(writer, 0):
            # What a server does that closed while the request was on its way.
            writer.transport.abort()
            closing.set()
            return
        requests_on[writer] += 1
        await bodies(WHOLE, DONE)(request, writer)

    requests_on: dict[asyncio.StreamWriter, int] = {}
    async with provider(serve) as (upstream, requests):
        for _ in range(3):
            assert Chunk("Xin chào") in await read(upstream)
    assert closing.is_set()
    assert len(requests) == 4


async def test_leaving_closes_the_socket_at_once_in_mid_stream_and_before_headers() -> None:
    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"early" not in request:
            writer.write(HEAD + chunked(delta(content="Once ")))

    hung_up = asyncio.Queue[int]()
    async with provider(serve, hung_up) as (upstream, requests):
        async with opened(upstream, CALL) as answer:
            came = asyncio.Event()
            reading = asyncio.create_task(answer.stream(lambda _: came.set()))
            await asyncio.wait_for(came.wait(), 5)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert await asyncio.wait_for(hung_up.get(), 5) == 1
        early = asyncio.create_task(read_call(upstream, UpstreamRequest("early", [user("early")], {})))
        while len(requests) < 2:
            await asyncio.sleep(0)
        early.cancel()
        assert await asyncio.wait_for(hung_up.get(), 5) == 2


async def read_call(upstream: HttpUpstream, call: UpstreamRequest) -> None:
    async with opened(upstream, call):
        pass


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "2"}, 2000),
        ({"Retry-After": "0.5"}, 500),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 250),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50_000),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e99"}, 86_400_000),
        ({"Retry-After": "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 +99999999999999"}, None),
        ({"Retry-After": "90000"}, 86_400_000),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: int | None) -> None:
    assert retry_after_ms(headers, now=10.0) == expected


async def test_what_json_can_not_carry_on_does_not_get_in() -> None:
    lone = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":99999999999999999999,"id":"\\ud800","function":'
    lone += b'{"name":"\\udfff","arguments":"{}"}}]},"finish_reason":"\\ud800"}]}'
    usage = b'{"choices":[],"usage":{"prompt_tokens":1180591620717411303424,"completion_tokens":-1},"x":"\\ud800"}'
    async with provider(bodies(event(lone) + event(usage) + DONE)) as (upstream, _):
        parts = await read(upstream)
    assert parts == [ToolCall(0, "\ufffd", "\ufffd", "{}"), Finished("other"), Usage(None, None, "exact")]
    assert orjson.dumps(parts)


async def test_content_in_the_shapes_that_servers_find_for_it() -> None:
    stream = (
        delta(content=[{"type": "text", "text": "in "}, {"type": "text", "text": "parts "}])
        + event(
            {"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "second "}}]}
        )
        + event({"choices": [{"index": 0, "message": {"content": "message"}}]})
        + delta(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}])
        + delta(tool_calls=[{"function": {"arguments": "!"}}])
        + delta(tool_calls=[{"id": "b", "function": {"name": "g", "arguments": ""}}])
        + delta(finish_reason="stop")
        + DONE
    )
    async with provider(bodies(stream)) as (upstream, _):
        assert await read(upstream) == [
            Chunk("in parts "),
            Chunk("second "),
            Chunk("message"),
            ToolCall(0, "a", "f", '{"x":1}'),
            ToolCall(0, None, None, "!"),
            ToolCall(1, "b", "g", ""),
            Finished("stop"),
        ]


async def test_what_says_nothing_is_no_content() -> None:
    stream = delta(tool_calls=[{"index": 0}, {"index": 0, "function": {"arguments": ""}}]) + WHOLE
    async with provider(bodies(stream + delta(content="late") + DONE)) as (upstream, _):
        assert await read(upstream) == [Chunk("Xin chào"), Finished("stop")]


@pytest.mark.parametrize("after", [b"data: {oops\n\n", event({"error": {"message": "late"}})])
async def test_behind_the_end_mark_nothing_can_go_wrong_any_more(after: bytes) -> None:
    async with provider(bodies(WHOLE + after)) as (upstream, _):
        assert await read(upstream) == [Chunk("Xin chào"), Finished("stop")]
    async with provider(bodies(WHOLE + DONE, end=False)) as (upstream, _):
        assert await read(upstream) == [Chunk("Xin chào"), Finished("stop")]


async def test_an_error_whose_body_does_not_come_is_not_waited_for() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\n")

    failed, _ = await failure(serve)
    assert failed.code is Code.SERVER_ERROR


async def test_a_call_that_is_cut_while_its_prompt_goes_out_does_not_deliver_the_rest() -> None:
    got = asyncio.get_running_loop().create_future()
    accepted, let_read = asyncio.Event(), asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        accepted.set()
        await let_read.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        count = 0
        try:
            while piece := await reader.read(1 << 16):
                count += len(piece)
            got.set_result((count, "end"))
        except ConnectionResetError:
            got.set_result((count, "reset"))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    upstream = HttpUpstream("test", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", OpenAIChatFormat())
    prompt = 20_000_000
    calling = asyncio.create_task(read_call(upstream, UpstreamRequest("m", [user("x" * prompt)], {})))
    await accepted.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    let_read.set()
    count, how = await asyncio.wait_for(got, 10)
    assert how == "reset"
    assert count < prompt
    await upstream.close()
    server.close()
