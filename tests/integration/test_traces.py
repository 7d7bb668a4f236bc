"""Traces of a real gateway, received by a real receiver of OTLP: from the client's trace to the provider's request."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.integration.processes import Server, gateway
from tests.otlp_receiver import ReceivedSpan, Receiver, otlp_receiver

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
EXIT_SECONDS = 20.0

CONFIGURATION = """\
retry_base = 0
breaker_failures = 1
drain_timeout = 0

[providers.gone]
preset = "openai"
base_url = "http://127.0.0.1:1/v1"
key_variable = ""

[providers.there]
preset = "openai"
base_url = "{there}"
key_variable = ""

[models.chat]
max_attempts = 2
upstreams = [{{ provider = "there" }}]

[models.failing-over]
max_attempts = 2
upstreams = [{{ provider = "gone" }}, {{ provider = "there" }}]
"""


@dataclass
class Provider:
    """A provider that remembers the headers of its requests, and waits before the end of an answer if it is asked."""

    url: str = ""
    traceparents: list[str] = field(default_factory=list)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_chat(self, request: web.Request) -> web.StreamResponse:
        self.traceparents.append(request.headers.get("traceparent", ""))
        prompt = json.dumps(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Once"}}]}\n\n')
        if "wait" in prompt:
            await self.is_over.wait()
        usage = b'{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8}'
        with suppress(ConnectionResetError):
            await response.write(
                b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":' + usage + b"}\n\n"
                b"data: [DONE]\n\n"
            )
        return response


@dataclass
class Site:
    """A gateway between a provider and a receiver of traces."""

    server: Server
    provider: Provider
    receiver: Receiver
    http: aiohttp.ClientSession

    async def ask(self, path: str, body: dict[str, object]) -> bytes:
        """Ask in a trace, and read the answer."""
        headers = {"traceparent": TRACEPARENT}
        async with self.http.post(f"{self.server.url}{path}", json=body, headers=headers) as response:
            assert response.status == 200
            return await response.read()


@pytest.fixture(name="site")
async def a_site(tmp_path: Path) -> AsyncIterator[Site]:
    async with otlp_receiver() as receiver, _provider() as provider:
        file = tmp_path / "dualstream.toml"
        file.write_text(CONFIGURATION.format(there=provider.url))
        with gateway("--config", str(file), otlp_endpoint=receiver.url) as server:
            async with aiohttp.ClientSession() as http:
                yield Site(server, provider, receiver, http)


@asynccontextmanager
async def _provider() -> AsyncIterator[Provider]:
    provider, app = Provider(), web.Application()
    app.router.add_post("/v1/chat/completions", provider.on_chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield provider
    finally:
        provider.is_over.set()
        await runner.cleanup()


def chat(prompt: str = "Hello", model: str = "chat") -> dict[str, object]:
    return {"messages": [{"role": "user", "content": prompt}], "model": model, "stream": True}


def is_child(child: ReceivedSpan, parent: ReceivedSpan) -> bool:
    return (child.trace_id, child.parent_id) == (parent.trace_id, parent.span_id)


async def test_from_the_client_to_the_provider(site: Site) -> None:
    # The API of a provider, the native one with a failover, a start over WebSocket: each in the trace of its client.
    await site.ask("/v1/chat/completions", chat())
    await site.ask("/api/chat/stream", chat(model="failing-over"))
    async with site.http.ws_connect(f"{site.server.url}/api/ws") as socket:
        await socket.send_json(
            {"type": "start", "messages": chat("wait")["messages"], "model": "chat", "traceparent": TRACEPARENT}
        )
        while (message := await socket.receive_json())["type"] != "chunk":
            pass
        await socket.send_json({"type": "interrupt", "generation_id": message["generation_id"]})
        while (await socket.receive_json())["type"] != "interrupted":
            pass
    os.kill(site.server.pid, signal.SIGTERM)
    assert await asyncio.to_thread(site.server.wait, EXIT_SECONDS) == 0
    spans = site.receiver.spans
    assert {span.trace_id for span in spans} == {TRACE}
    model_api, failing_over, over_socket = site.receiver.named("generate")
    assert [span.parent_id for span in (model_api, failing_over, over_socket)] == [PARENT] * 3
    calls = {span.span_id: span for span in site.receiver.named("chat")}
    assert [traceparent.split("-")[2] for traceparent in site.provider.traceparents] == [
        span.span_id for span in calls.values() if not span.is_error
    ]
    (answered,) = [call for call in calls.values() if is_child(call, model_api)]
    assert (answered.attributes["gen_ai.usage.input_tokens"], answered.attributes["gen_ai.usage.output_tokens"]) == (
        7,
        1,
    )
    assert model_api.attributes["dualstream.dialect"] == "openai_chat"
    assert "dualstream.first_token" in model_api.events
    assert [call.attributes["dualstream.attempt.end"] for call in calls.values() if is_child(call, failing_over)] == [
        "network_error",
        "answered",
    ]
    assert failing_over.events == ["dualstream.retry", "dualstream.first_token"]
    assert over_socket.attributes["dualstream.transport"] == "websocket"
    assert over_socket.events == ["dualstream.first_token", "dualstream.interrupt"]
    assert not [name for span in spans for name in span.attributes if "messages" in name]


async def test_a_collector_that_is_gone_stops_nothing(site: Site) -> None:
    site.receiver.status = 503
    for _ in range(3):
        assert b"[DONE]" in await site.ask("/v1/chat/completions", chat())
    os.kill(site.server.pid, signal.SIGTERM)
    assert await asyncio.to_thread(site.server.wait, EXIT_SECONDS) == 0
    assert site.server.output.count("traces can't be sent") <= 1
    assert "Traceback" not in site.server.output
