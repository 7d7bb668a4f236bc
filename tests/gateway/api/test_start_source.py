"""By what a request starts a generation."""

import asyncio

import pytest

from gateway.api.start_source import source_of
from gateway.generation.source import StartSource
from tests.served.gateway import Served

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({}, ("", "")),
        ({"traceparent": PARENT}, (PARENT, "")),
        ({"traceparent": PARENT, "tracestate": "a=b"}, (PARENT, "a=b")),
        ({"traceparent": PARENT, "tracestate": "a" * 513}, (PARENT, "")),
        ({"traceparent": "0" * 513, "tracestate": "a=b"}, ("", "")),
        ({"tracestate": "a=b"}, ("", "")),
    ],
)
def test_trace_headers_are_taken_if_they_are_short(headers: dict[str, str], trace: tuple[str, str]) -> None:
    assert source_of(headers, "sse", "native") == StartSource("sse", "native", *trace)


MESSAGES = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("path", "body", "transport", "dialect"),
    [
        ("/api/generations", {"prompt": "x"}, "http", "native"),
        ("/api/chat/stream", {"prompt": "x"}, "sse", "native"),
        ("/api/chat/text", {"prompt": "x"}, "text", "native"),
        ("/v1/chat/completions", {"messages": MESSAGES}, "http", "openai_chat"),
        ("/v1/chat/completions", {"messages": MESSAGES, "stream": True}, "sse", "openai_chat"),
        ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9, "stream": True}, "sse", "anthropic"),
    ],
)
async def test_a_start_over_http_tells_its_transport_and_dialect(
    served: Served, path: str, body: dict[str, object], transport: str, dialect: str
) -> None:
    headers = {"traceparent": PARENT}
    posting = asyncio.create_task(served.http.post(path, json={"model": "m", **body}, headers=headers))
    await served.called()
    assert served.only.source == StartSource(transport, dialect, PARENT)
    served.upstream.last.send("text")
    served.upstream.last.finish()
    (await posting).close()


async def test_a_start_over_a_websocket_has_the_trace_of_the_handshake(served: Served) -> None:
    async with served.http.ws_connect("/api/ws", headers={"traceparent": PARENT}) as socket:
        await socket.send_json({"type": "start", "id": "1", "prompt": "x"})
        await served.called()
        assert served.only.source == StartSource("websocket", "native", PARENT)
