"""The model APIs (/v1, /v1beta) behind each proxy with the included file: streams, cuts, leaving, WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.config import Settings
from tests.gateway.dialects.api_clients import CLIENTS, ApiClient, read_events
from tests.integration.processes import Server
from tests.integration.proxies import PROXIES
from tests.integration.test_nginx import WORDS, Nginx, Provider, running_gateway, session
from tests.served.viewers import TIMEOUT

SHORT: Mapping[str, Mapping[str, str]] = {
    "nginx": {"75s;": "400ms;", "proxy_read_timeout 660s;": "proxy_read_timeout 30s;"},
    "haproxy": {"75s": "400ms", "timeout server 660s": "timeout server 30s"},
    "caddy": {},
}
"""The limits of silence, shortened for all but the responses of model APIs; Caddy has none."""

each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))
each_proxy = pytest.mark.parametrize("name", PROXIES)


@dataclass(frozen=True)
class Proxied:
    """A proxy, and the provider of the gateway behind it."""

    proxy: Server
    http: aiohttp.ClientSession
    provider: Provider

    @property
    def log(self) -> str:
        """Return what the proxy has logged so far."""
        return self.proxy.log.read_text("utf-8") if isinstance(self.proxy, Nginx) else self.proxy.output


@asynccontextmanager
async def proxied(
    name: str, folder: Path, changes: Mapping[str, str] | None = None, **settings: object
) -> AsyncIterator[Proxied]:
    """Run a provider, a gateway in front of it, and a proxy in front of that."""
    provider = Provider()
    async with asyncio.timeout(TIMEOUT), provider.listening() as upstream:
        with (
            running_gateway(upstream, **settings) as gateway,
            PROXIES[name](gateway, folder / name, own_pages=True, changes=changes) as proxy,
        ):
            async with session(proxy.url) as http:
                yield Proxied(proxy, http, provider)


@each_proxy
@each_client
async def test_each_word_arrives_before_the_next_is_sent(name: str, client: ApiClient, tmp_path: Path) -> None:
    async with proxied(name, tmp_path) as at:
        at.provider.send(WORDS[0])
        async with client.post(at.http, stream=True) as response:
            assert response.headers["X-Generation-ID"].startswith("g_")
            assert response.headers["X-Request-ID"]
            read = b""
            for word, following in zip(WORDS, [*WORDS[1:], None], strict=True):
                while word.strip().encode() not in read:
                    read = await response.content.readany()
                if following is None:
                    at.provider.end()
                else:
                    at.provider.send(following)
            assert await response.content.read()


@each_proxy
async def test_each_part_of_an_array_arrives_before_the_next_is_sent(name: str, tmp_path: Path) -> None:
    """Gemini's stream without `alt=sse` is no event stream: its form alone does not tell a proxy to send it on."""
    async with proxied(name, tmp_path) as at:
        body = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
        at.provider.send(WORDS[0])
        async with at.http.post("/v1beta/models/m:streamGenerateContent", json=body) as response:
            for word, following in zip(WORDS, [*WORDS[1:], None], strict=True):
                while word.strip().encode() not in await response.content.readany():
                    pass
                if following is not None:
                    at.provider.send(following)


@each_proxy
@each_client
async def test_a_cut_is_seen(name: str, client: ApiClient, tmp_path: Path) -> None:
    """Caddy before 2.8 ends the body properly: only the event that is missing tells it."""
    async with proxied(name, tmp_path) as at:
        at.provider.send("Xin ")
        at.provider.send("chào")
        async with client.post(at.http, stream=True) as response:
            await response.content.readany()
            at.provider.cut()
            events, is_cut = await read_events(response)
    assert client.end_of_stream(events) == "no end"
    assert is_cut or name == "caddy"


@each_proxy
@each_client
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_leaving_closes_the_call_of_the_provider(
    name: str, client: ApiClient, stream: bool, tmp_path: Path
) -> None:
    async with proxied(name, tmp_path) as at:
        posting = asyncio.ensure_future(client.post(at.http, stream=stream).__aenter__())
        await at.provider.called.wait()
        if stream:
            at.provider.send("Xin ")
            (await posting).close()
        else:
            posting.cancel()
        await at.provider.left.wait()


@each_proxy
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_long_silence_ends_no_response(name: str, stream: bool, tmp_path: Path) -> None:
    """A stream has heartbeats; a response that is not streamed has none."""
    client = CLIENTS["openai_chat"]
    async with proxied(name, tmp_path, SHORT[name], heartbeat=0.1) as at:
        posting = asyncio.ensure_future(client.post(at.http, stream=stream).__aenter__())
        await at.provider.called.wait()
        await asyncio.sleep(1.5)
        at.provider.send("Xin")
        at.provider.end()
        response = await posting
        assert response.status == 200
        if stream:
            events, is_cut = await read_events(response)
            assert (client.text(events), is_cut) == ("Xin", False)
        else:
            assert client.text_of_document(await response.json()) == "Xin"


@each_proxy
async def test_responses_come_over_a_web_socket_word_by_word(name: str, tmp_path: Path) -> None:
    async with proxied(name, tmp_path) as at, at.http.ws_connect("/v1/responses") as socket:
        await socket.send_json({"type": "response.create", "model": "m", "input": "Hello"})
        for word in WORDS:
            at.provider.send(word)
            while (event := await socket.receive_json())["type"] != "response.output_text.delta":
                pass
            assert event["delta"] == word
        await socket.close()
        await at.provider.left.wait()


@each_proxy
async def test_an_image_passes(name: str, tmp_path: Path) -> None:
    address = "data:image/png;base64," + "A" * (Settings().max_body_bytes - 1000)
    content = [{"type": "image_url", "image_url": {"url": address}}]
    async with proxied(name, tmp_path) as at:
        at.provider.send("Seen")
        at.provider.end()
        body = {"model": "m", "messages": [{"role": "user", "content": content}]}
        headers = {"Content-Type": "application/json"}
        async with at.http.post("/v1/chat/completions", data=BytesIO(orjson.dumps(body)), headers=headers) as response:
            assert response.status == 200
        assert at.provider.body["messages"] == body["messages"]


@each_proxy
async def test_a_refusal_keeps_its_status_and_the_signs_of_a_retry(name: str, tmp_path: Path) -> None:
    client = CLIENTS["openai_chat"]
    async with proxied(name, tmp_path, rate_limit_per_minute=1, rate_limit_burst=1) as at:
        at.provider.send("Xin")
        at.provider.end()
        async with client.post(at.http, stream=False) as response:
            assert response.status == 200
        async with client.post(at.http, stream=True) as response:
            assert response.status == 429
            assert response.headers["X-Should-Retry"] == "true"
            assert int(response.headers["Retry-After"]) > 0
            assert int(response.headers["Retry-After-Ms"]) > 0
            assert (await response.json())["error"]["code"] == "rate_limit_exceeded"


@each_proxy
async def test_no_key_is_logged(name: str, tmp_path: Path) -> None:
    key = "a-secret-key"
    headers = {"Authorization": f"Bearer {key}", "x-api-key": key, "x-goog-api-key": key}
    async with proxied(name, tmp_path) as at:
        async with at.http.get("/v1beta/models/m", params={"key": key}, headers=headers) as response:
            assert response.status == 200
        while "/v1beta/models/m" not in (log := at.log):
            await asyncio.sleep(0.01)
    assert key not in log


@each_proxy
async def test_an_unreachable_gateway_has_a_status_that_clients_repeat(name: str, tmp_path: Path) -> None:
    """Also for a client that asks for events: an EventSource reads /api/ alone."""
    with PROXIES[name]("http://127.0.0.1:1", tmp_path / name, own_pages=True) as proxy:
        async with session(proxy.url) as http:
            for method, path in (("POST", "/v1/messages"), ("GET", "/v1/responses/resp_x")):
                async with http.request(method, path, headers={"Accept": "text/event-stream"}) as response:
                    assert response.status in {502, 503}
                    assert response.headers["Retry-After"] == "2"
                    assert (await response.json())["error"]["message"] == "The gateway can not be reached."
