"""`HttpUpstream` on real sockets: requests, kept connections, cancelled calls."""

import asyncio

import orjson
import pytest
from pydantic import SecretStr

from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk
from gateway.upstreams.base import UpstreamRequest
from gateway.upstreams.connections import ConnectionLimits
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    REQUEST,
    RESPONSE_HEAD,
    Serve,
    chunked,
    delta,
    opened,
    raw_upstream,
    read_events,
    read_failure,
    respond,
    respond_stream,
)
from tests.start_requests import user_message


async def test_the_request_sent() -> None:
    async with raw_upstream(respond_stream(COMPLETE, DONE)) as (upstream, requests):
        await read_events(upstream)
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


async def test_a_refused_connection() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    upstream = HttpUpstream("test", f"http://127.0.0.1:{port}/v1", OpenAIChatFormat())
    with pytest.raises(Failed, match="can't be reached") as failed:
        await read_events(upstream)
    await upstream.close()
    assert (failed.value.code, failed.value.retryable) == (Code.NETWORK_ERROR, True)
    assert str(port) not in failed.value.message


async def test_a_connection_closed_without_a_response() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    failed, _ = await read_failure(serve)
    assert failed.code is Code.NETWORK_ERROR


async def test_a_response_that_is_not_http() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    failed, _ = await read_failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL


async def test_a_connection_is_reused() -> None:
    connections = set()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await respond_stream(COMPLETE, DONE)(request, writer)

    async with raw_upstream(serve) as (upstream, requests):
        for _ in range(5):
            await read_events(upstream)
    assert (len(requests), len(connections)) == (5, 1)


async def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    """llama.cpp announces keep-alive and closes the connection: the next request must not fail."""
    closing = asyncio.Event()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if requests_on.setdefault(writer, 0):
            # As if the server had closed the connection while the request was on its way.
            writer.transport.abort()
            closing.set()
            return
        requests_on[writer] += 1
        await respond_stream(COMPLETE, DONE)(request, writer)

    requests_on: dict[asyncio.StreamWriter, int] = {}
    async with raw_upstream(serve) as (upstream, requests):
        for _ in range(3):
            assert Chunk("Xin chào") in await read_events(upstream)
    assert closing.is_set()
    assert len(requests) == 4


@pytest.mark.parametrize("partial", [b"", b"HTTP/1.1 1"])
async def test_a_reused_connection_that_is_lost_later_is_not_tried_again_in_silence(partial: bytes) -> None:
    """The server took the request: a model may be running, and a second one would be paid, too (RFC 9110, 9.2.2)."""
    served: set[asyncio.StreamWriter] = set()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if writer in served:
            writer.write(partial)
            await writer.drain()
            writer.close()
            return
        served.add(writer)
        await respond_stream(COMPLETE, DONE)(request, writer)

    # In the first case the loss is "later" because nothing counts as at once; in the second because something arrived.
    limits = ConnectionLimits(connect_timeout=5, stale=60 if partial else -1)
    async with raw_upstream(serve, limits=limits) as (upstream, requests):
        await read_events(upstream)
        with pytest.raises(Failed) as failed:
            await read_events(upstream)
    assert (failed.value.code, failed.value.retryable) == (Code.NETWORK_ERROR, True)
    assert failed.value.may_be_billed
    assert len(requests) == 2


async def test_a_large_request_lost_while_it_is_written_is_sent_again() -> None:
    served: set[asyncio.StreamWriter] = set()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if writer in served and len(requests) == 2:
            writer.transport.abort()
            return
        served.add(writer)
        await respond_stream(COMPLETE, DONE)(request, writer)

    large = UpstreamRequest("model-1", [user_message("x" * 3_000_000)], {})
    async with raw_upstream(serve) as (upstream, requests):
        await read_events(upstream)
        assert await read_events(upstream, request=large)
        assert len(requests) == 3


@pytest.mark.parametrize(
    ("serve", "billed"),
    [
        (respond("400 Bad Request"), False),
        (respond("429 Too Many Requests"), False),
        (respond("503 Unavailable"), False),
        (respond("500 Oops"), True),
        (respond("504 Gateway Timeout"), True),
        (respond("408 Request Timeout"), True),
        (respond("200 OK", b"x", "Content-Type: text/event-stream", "Content-Encoding: gzip"), True),
        (respond("SSH-2.0"), True),
    ],
)
async def test_a_call_that_was_taken_and_brought_nothing_may_be_billed(serve: Serve, *, billed: bool) -> None:
    failed, _ = await read_failure(serve)
    assert failed.may_be_billed is billed


async def test_a_new_connection_lost_without_a_response_may_be_billed() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    failed, _ = await read_failure(serve)
    assert failed.may_be_billed


def refusing(*fields: str) -> Serve:
    """Refuse requests with one of these fields, as OpenAI and Mistral do."""

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        body = orjson.loads(request.partition(b"\r\n\r\n")[2])
        field = next((field for field in fields if field in body), None)
        if field is None:
            await respond_stream(COMPLETE, DONE)(request, writer)
        else:
            refusal = {"error": {"message": f"Unsupported parameter: '{field}' is not supported with this model."}}
            await respond("400 Bad Request", orjson.dumps(refusal))(request, writer)

    return serve


LIMITED = UpstreamRequest("model-1", [user_message("Hello")], {"max_tokens": 50})


async def test_a_field_that_the_provider_refuses_is_left_out_and_that_is_remembered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with raw_upstream(refusing("stream_options", "max_tokens")) as (upstream, requests):
        assert await read_events(upstream, request=LIMITED)
        assert len(requests) == 3
        assert await read_events(upstream, request=LIMITED)
        assert len(requests) == 4
        # A model has fields of its own: gpt-4o takes what gpt-5 refuses.
        await read_events(upstream, request=UpstreamRequest("model-2", LIMITED.messages, {}))
        assert len(requests) == 6
    last = orjson.loads(requests[3].partition(b"\r\n\r\n")[2])
    assert last["max_completion_tokens"] == 50
    assert not {"stream_options", "max_tokens"} & last.keys()
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "test refuses stream_options for the model model-1",
        "test refuses max_tokens for the model model-1",
        "test refuses stream_options for the model model-2",
    ]
    assert "upstream_stream_options = false" in caplog.messages[0]


async def test_a_field_without_another_name_left_is_the_refusal_that_clients_see() -> None:
    async with raw_upstream(refusing("max_tokens", "max_completion_tokens")) as (upstream, requests):
        with pytest.raises(Failed, match="Unsupported parameter") as failed:
            await read_events(upstream, request=LIMITED)
    assert len(requests) == 3
    assert (failed.value.code, failed.value.may_be_billed) == (Code.INVALID_REQUEST, False)


async def test_a_refusal_of_a_value_is_not_sent_again() -> None:
    message = b'{"error":{"message":"max_tokens is too large: 50. At most 5 are supported"}}'
    async with raw_upstream(respond("400 Bad Request", message)) as (upstream, requests):
        with pytest.raises(Failed, match="too large"):
            await read_events(upstream, request=LIMITED)
    assert len(requests) == 1


async def test_a_provider_that_can_not_be_reached_is_logged_with_the_url_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream = HttpUpstream("test", "http://127.0.0.1:1/v1?api-version=2", OpenAIChatFormat())
    for _ in range(3):
        with pytest.raises(Failed):
            await upstream.open(REQUEST)
    await upstream.close()
    assert caplog.messages == [
        "test: http://127.0.0.1:1/v1/chat/completions?api-version=2: The provider can't be reached: it refused the "
        "connection."
    ]


async def test_cancelling_closes_the_socket_at_once_in_mid_stream_and_before_headers() -> None:
    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"early" not in request:
            writer.write(RESPONSE_HEAD + chunked(delta(content="Once ")))

    disconnects = asyncio.Queue[int]()
    async with raw_upstream(serve, disconnects) as (upstream, requests):
        async with opened(upstream, REQUEST) as response:
            arrived = asyncio.Event()
            reading = asyncio.ensure_future(response.stream(lambda _: arrived.set()))
            await asyncio.wait_for(arrived.wait(), 5)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert await asyncio.wait_for(disconnects.get(), 5) == 1
        early = asyncio.create_task(open_and_close(upstream, UpstreamRequest("early", [user_message("early")], {})))
        while len(requests) < 2:
            await asyncio.sleep(0)
        early.cancel()
        assert await asyncio.wait_for(disconnects.get(), 5) == 2


async def open_and_close(upstream: HttpUpstream, request: UpstreamRequest) -> None:
    async with opened(upstream, request):
        pass


async def test_a_request_cancelled_while_it_is_sent_does_not_deliver_the_rest() -> None:
    result = asyncio.get_running_loop().create_future()
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
            result.set_result((count, "end"))
        except ConnectionResetError:
            result.set_result((count, "reset"))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    upstream = HttpUpstream("test", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", OpenAIChatFormat())
    prompt = 20_000_000
    opening = asyncio.create_task(open_and_close(upstream, UpstreamRequest("m", [user_message("x" * prompt)], {})))
    await accepted.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    let_read.set()
    count, end = await asyncio.wait_for(result, 10)
    assert end == "reset"
    assert count < prompt
    await upstream.close()
    server.close()


@pytest.mark.parametrize(("status", "code"), [("401 No", Code.PROVIDER_AUTH), ("402 Pay", Code.PROVIDER_QUOTA)])
async def test_a_refused_key_or_account_is_logged(status: str, code: Code, caplog: pytest.LogCaptureFixture) -> None:
    async with raw_upstream(respond(status, b'{"error":{"message":"sk-very-secret-key"}}')) as (upstream, _):
        for _ in range(2):
            with pytest.raises(Failed) as failed:
                await read_events(upstream)
            assert failed.value.code is code
    (message,) = caplog.messages
    assert message.startswith("test: http://127.0.0.1")
    assert message.endswith(failed.value.message)
    assert "secret" not in message


@pytest.mark.parametrize(
    ("key", "advice"),
    [(SecretStr("sk-very-secret-key"), ""), (None, ", which is not set")],
)
async def test_the_log_names_the_variable_of_a_refused_key_which_clients_do_not_learn(
    key: SecretStr | None, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with raw_upstream(respond("401 No", b"{}")) as (upstream, _):
        upstream._key_variable, upstream._api_key = "SOME_API_KEY", key
        with pytest.raises(Failed) as failed:
            await read_events(upstream)
    assert caplog.messages[0].endswith(f"{failed.value.message} The variable is SOME_API_KEY{advice}.")
    assert "SOME_API_KEY" not in failed.value.message
