"""The gateway behind a real nginx with the shipped configuration; only ports, paths and what a test names are changed.

Delays are detected without a clock: the provider sends a word only after the one before has arrived.
"""

import asyncio
import os
import pwd
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web

from gateway.client import Client, TransportName
from gateway.config import Settings
from tests.integration.processes import CHECKOUT, Server, TcpProxy, program
from tests.integration.servers import running, simulator_process
from tests.served.viewers import TIMEOUT, JsonObject, SseViewer, ViewingClient, WebSocketViewer

SHIPPED = [CHECKOUT / "deploy" / "nginx" / name for name in ("dualstream-gateways.conf", "dualstream.conf")]
TRANSPORTS: Mapping[str, type[ViewingClient]] = {"sse": SseViewer, "websocket": WebSocketViewer}
DELAYED_SECONDS = 1.5
"""Time after which missing data counts as delayed; without more data, nginx would never send it."""

WORDS = ["Each ", "word ", "by ", "itself, ", "một ", "từ ", "một ", "🌊."]
MESSAGES = [{"role": "user", "content": "Hello"}]
LONG: JsonObject = {"messages": MESSAGES, "model": "sim?ttft=0&speed=200&length=1000000"}
SILENT: JsonObject = {"messages": MESSAGES, "model": "sim?ttft=3600000"}
BRIEF: JsonObject = {"messages": MESSAGES, "model": "sim-instant?length=20"}
PROMPTED: JsonObject = {"messages": MESSAGES, "model": "prompted"}
BUFFERING = {"proxy_buffering off;": "proxy_buffering on;"}
BUFFERING_IGNORING_HEADER = {"proxy_buffering off;": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"}
COMPRESSING = {"gzip off;": "gzip on;"}

# The configuration around ours compresses everything, as an existing installation may.
NGINX_CONF = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
worker_processes 2;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
    gzip_proxied any;
    gzip_min_length 0;
    include {folder}/dualstream.conf;
}}
"""


class Nginx(Server):
    """A running nginx; `folder` holds all files that it reads and writes."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "dualstream.log"

    def reload(self) -> None:
        os.kill(int((self.folder / "nginx.pid").read_text()), signal.SIGHUP)


@contextmanager
def running_nginx(*gateways: str, folder: Path, changes: Mapping[str, str] | None = None) -> Iterator[Nginx]:
    """Run nginx with the shipped configuration, changed as given, in front of gateways; yield it."""
    binary = program("nginx", "/usr/sbin/nginx")
    folder.mkdir()
    port = _free_port()
    servers = " ".join(f"server {urlsplit(gateway).netloc} fail_timeout=2s;" for gateway in gateways)
    replacements = {
        "server 127.0.0.1:8080 fail_timeout=2s;": servers,
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/log/nginx/": f"{folder}/",
    }
    text = "".join(file.read_text("utf-8") for file in SHIPPED)
    for old, new in {**replacements, **(changes or {})}.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "dualstream.conf").write_text(text, "utf-8")
    # As root, nginx would run its workers as a user who may not enter this folder.
    user = "" if os.geteuid() else f"user {pwd.getpwuid(0).pw_name};"
    (folder / "nginx.conf").write_text(NGINX_CONF.format(user=user, folder=folder))
    server = Nginx([binary, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")], os.environ)
    try:
        server.url, server.folder = f"http://127.0.0.1:{port}", folder
        server.wait_for("start worker process ")
        yield server
    finally:
        server.end()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def running_gateway(upstream: str, **settings: object) -> Iterator[str]:
    """Run a gateway that trusts nginx's headers and has no slot or rate limits; yield its address."""
    values = {"max_concurrent": 0, "rate_limit_per_minute": 0, "trusted_proxies": "127.0.0.1", "grace": 60, **settings}
    environment = {f"DUALSTREAM_{name.upper()}": str(value) for name, value in values.items()}
    with running("serve", "--port", "0", "--upstream", upstream, environment=environment) as (_, address):
        yield address


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    program("nginx", "/usr/sbin/nginx")
    with simulator_process() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def gateway_url(upstream: str) -> Iterator[str]:
    """The gateway's own address, without nginx."""
    with running_gateway(upstream) as address:
        yield address


@pytest.fixture(scope="module")
def nginx(gateway_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running_nginx(gateway_url, folder=tmp_path_factory.mktemp("shipped") / "nginx") as server:
        yield server


@asynccontextmanager
async def session(url: str, address: str = "127.0.0.1") -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0, local_addr=(address, 0))
    async with aiohttp.ClientSession(base_url=url, connector=connector) as http:
        yield http


@pytest.fixture
async def http(nginx: Nginx) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of nginx."""
    async with session(nginx.url) as http:
        yield http


@asynccontextmanager
async def viewing(transport: str, url: str, address: str = "127.0.0.1") -> AsyncIterator[ViewingClient]:
    """Yield a viewer with connections of its own; close them at the end."""
    async with session(url, address) as http:
        viewer = TRANSPORTS[transport](http)
        try:
            yield viewer
        finally:
            if viewer.generation_id:
                await viewer.leave()


@pytest.fixture(params=TRANSPORTS)
async def viewer(request: pytest.FixtureRequest, nginx: Nginx) -> AsyncIterator[ViewingClient]:
    async with viewing(request.param, nginx.url) as viewer:
        yield viewer


async def get(url: str) -> JsonObject:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        document: JsonObject = await response.json()
        return document


async def count_closed_calls(upstream: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{upstream.removesuffix('/v1')}/closes") as response:
        return len(await response.json())


async def wait_until_closed(upstream: str, before: int) -> None:
    """Wait until the provider has noticed that the client of one more call closed the connection."""
    async with asyncio.timeout(TIMEOUT):
        while await count_closed_calls(upstream) == before:
            await asyncio.sleep(0.01)


async def last_event(gateway_url: str, generation_id: str) -> JsonObject:
    """Return the terminal event of a generation, from the gateway itself."""
    async with viewing("sse", gateway_url) as viewer:
        await viewer.attach(generation_id, 0)
        return (await viewer.to_end())[-1]


class Cut:
    """Makes a provider close the connection in the middle of its response."""


class Provider:
    """An OpenAI-compatible provider that sends a word only when the test makes it.

    `called` and `left` are set when a call begins, and when its client closes the connection.
    """

    def __init__(self) -> None:
        self.sent_count = 0
        self.called = asyncio.Event()
        self.left = asyncio.Event()
        self.body: JsonObject = {}
        self._words: asyncio.Queue[str | Cut | None] = asyncio.Queue()

    def send(self, word: str) -> None:
        self.sent_count += 1
        self._words.put_nowait(word)

    def end(self) -> None:
        self._words.put_nowait(None)

    def cut(self) -> None:
        self._words.put_nowait(Cut())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application(client_max_size=0)
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.body = await request.json()
        self.called.set()
        try:
            return await self._respond(request)
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while (word := await self._words.get()) is not None:
            if isinstance(word, Cut):
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(_data(word, None))
        await response.write(_data(None, "stop") + b"data: [DONE]\n\n")
        return response


def _data(word: str | None, reason: str | None) -> bytes:
    delta = {} if word is None else {"content": word}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: %b\n\n" % orjson.dumps(chunk)


@asynccontextmanager
async def prompted_provider(folder: Path, changes: Mapping[str, str]) -> AsyncIterator[tuple[Provider, str, str]]:
    """Run a `Provider`, a gateway in front of it and nginx in front of that; yield it and their two addresses."""
    provider = Provider()
    async with provider.listening() as upstream:
        with running_gateway(upstream) as gateway, running_nginx(gateway, folder=folder, changes=changes) as nginx:
            yield provider, gateway, nginx.url


async def check_each_word_arrives(viewer: ViewingClient, provider: Provider, gateway: str) -> None:
    """Check that each word arrives before the next one is sent; if anything delays one, the viewer's timeout raises."""
    async with asyncio.timeout(TIMEOUT):
        await viewer.start(PROMPTED)
    for number, word in enumerate(WORDS, start=1):
        provider.send(word)
        assert (await viewer.until("chunk"))["content"] == word
        snapshot = await get(f"{gateway}/api/generations/{viewer.generation_id}")
        assert (snapshot["state"], snapshot["text"]) == ("streaming", "".join(WORDS[:number]))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_each_word_arrives_before_the_next_is_sent(transport: str, tmp_path: Path) -> None:
    async with prompted_provider(tmp_path / "nginx", {}) as (provider, gateway, url), viewing(transport, url) as viewer:
        await check_each_word_arrives(viewer, provider, gateway)
        provider.end()
        assert (await viewer.to_end())[-1]["type"] == "complete"
        assert viewer.text == "".join(WORDS)


async def test_the_gateways_header_alone_disables_buffering(tmp_path: Path) -> None:
    changes = {**BUFFERING, **COMPRESSING}
    async with (
        prompted_provider(tmp_path / "nginx", changes) as (provider, gateway, url),
        viewing("sse", url) as viewer,
    ):
        await check_each_word_arrives(viewer, provider, gateway)


async def test_the_check_detects_delayed_words(tmp_path: Path) -> None:
    changes = {**BUFFERING_IGNORING_HEADER, **COMPRESSING}
    async with (
        prompted_provider(tmp_path / "nginx", changes) as (provider, gateway, url),
        viewing("sse", url) as viewer,
    ):
        checking = asyncio.create_task(check_each_word_arrives(viewer, provider, gateway))
        await asyncio.wait({checking}, timeout=DELAYED_SECONDS)
        assert provider.sent_count <= 1, "it waits for the first word, if not for the response headers"
        provider.end()
        with pytest.raises(AssertionError):
            await checking


@pytest.mark.parametrize(("changes", "is_delayed"), [({}, False), (BUFFERING_IGNORING_HEADER, True)])
async def test_a_body_without_chunks_is_delayed_only_with_buffering(
    changes: Mapping[str, str], is_delayed: bool, tmp_path: Path
) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        while piece := await pieces.get():
            writer.write(piece)
        writer.close()

    async def check_each_arrives(http: aiohttp.ClientSession) -> None:
        async with http.get("/api/words") as response:
            for word in WORDS:
                pieces.put_nowait(word.encode())
                assert await response.content.readany() == word.encode()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with running_nginx(address, folder=tmp_path / "nginx", changes=changes) as nginx:
            async with session(nginx.url) as http:
                checking = asyncio.create_task(check_each_arrives(http))
                done, _ = await asyncio.wait({checking}, timeout=DELAYED_SECONDS if is_delayed else TIMEOUT)
                assert bool(done) is not is_delayed
                pieces.put_nowait(b"")
                if is_delayed:
                    checking.cancel()
                await asyncio.gather(checking, return_exceptions=is_delayed)


@pytest.fixture(scope="module")
def nginx_with_heartbeats(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An nginx in front of a gateway with a heartbeat every 0.4 s."""
    folder = tmp_path_factory.mktemp("heartbeats") / "nginx"
    with running_gateway(upstream, heartbeat=0.4) as gateway, running_nginx(gateway, folder=folder) as nginx:
        yield nginx


async def test_heartbeats_pass_before_the_first_token_over_sse(nginx_with_heartbeats: Nginx) -> None:
    async with (
        asyncio.timeout(TIMEOUT),
        session(nginx_with_heartbeats.url) as http,
        http.post("/api/chat/stream", json=SILENT) as response,
    ):
        read = b""
        while read.count(b": hb\n") < 3:
            read += await response.content.readany()
        assert b"chunk" not in read


async def test_pings_pass_before_the_first_token_over_websocket_and_pongs_come_back(
    nginx_with_heartbeats: Nginx,
) -> None:
    async with (
        asyncio.timeout(TIMEOUT),
        session(nginx_with_heartbeats.url) as http,
        http.ws_connect("/api/ws", protocols=["dualstream.v1"], autoping=False) as socket,
    ):
        await socket.send_json({"type": "start", **SILENT})
        # The gateway disconnects a client that does not answer a ping.
        for _ in range(4):
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                assert orjson.loads(message.data)["type"] in {"accepted", "start"}
            assert message.type is aiohttp.WSMsgType.PING
            await socket.pong(message.data)


def test_timeouts_are_several_heartbeats_and_the_body_limit_is_above_ours() -> None:
    text = SHIPPED[-1].read_text("utf-8")
    for name, count in {"proxy_read_timeout": 3, "proxy_send_timeout": 2, "send_timeout": 2}.items():
        timeouts = re.findall(rf"^ +{name} (\d+)s;$", text, re.MULTILINE)
        assert len(timeouts) == count, "for SSE, for WebSocket, and for the model APIs if it differs"
        assert all(int(seconds) >= 3 * Settings().heartbeat for seconds in timeouts)
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(megabytes) << 20 > Settings().max_body_bytes


@pytest.mark.parametrize(("body", "seen"), [(LONG, "chunk"), (SILENT, "start")])
async def test_a_disconnect_closes_the_call_of_the_provider(
    viewer: ViewingClient, body: JsonObject, seen: str, upstream: str, gateway_url: str
) -> None:
    before = await count_closed_calls(upstream)
    await viewer.start({**body, "options": {"on_disconnect": "cancel"}})
    await viewer.until(seen)
    await viewer.leave()
    await wait_until_closed(upstream, before)
    ended = await last_event(gateway_url, viewer.generation_id)
    assert (ended["type"], ended["by"]) == ("interrupted", "disconnect")


@pytest.mark.parametrize("first", TRANSPORTS)
@pytest.mark.parametrize("second", TRANSPORTS)
async def test_a_stream_is_resumed_completely_after_a_reset(
    first: str, second: str, nginx: Nginx, upstream: str
) -> None:
    model = f"sim?ttft=0&speed=300&length=400&language=vietnamese&seed={len(first) * 10 + len(second)}"
    with TcpProxy(nginx.url) as proxy:
        async with viewing(first, proxy.url) as before:
            await before.start({"messages": MESSAGES, "model": model})
            while len(before.text) < 100:
                await before.until("chunk")
            assert proxy.cut() == 1
    async with viewing(second, nginx.url) as after:
        await after.attach(before.generation_id, int(str(before.seen[-1]["seq"])))
        assert (await after.to_end())[-1]["type"] == "complete"
    assert before.text + after.text == await read_text(upstream, model)


async def read_text(upstream: str, model: str) -> str:
    """Return the text of a model, from the simulator itself and without streaming."""
    body = {"messages": MESSAGES, "model": f"{model}&speed=0&ttft=0"}
    async with aiohttp.ClientSession() as http, http.post(f"{upstream}/chat/completions", json=body) as response:
        text: str = (await response.json())["choices"][0]["message"]["content"]
        return text


async def test_an_interrupt_reaches_the_provider(viewer: ViewingClient, upstream: str) -> None:
    before = await count_closed_calls(upstream)
    await viewer.start(LONG)
    await viewer.until("chunk")
    await viewer.interrupt(viewer.generation_id)
    ended = (await viewer.to_end())[-1]
    assert (ended["type"], ended["by"]) == ("interrupted", "client")
    await wait_until_closed(upstream, before)


async def test_when_the_gateway_is_killed_no_body_ends_cleanly(upstream: str, tmp_path: Path) -> None:
    with (
        running("serve", "--port", "0", "--upstream", upstream) as (process, gateway),
        running_nginx(gateway, folder=tmp_path / "nginx") as nginx,
    ):
        async with (
            asyncio.timeout(TIMEOUT),
            session(nginx.url) as http,
            http.post("/api/chat/stream", json=LONG) as response,
            http.ws_connect("/api/ws") as socket,
        ):
            await response.content.readuntil(b'"chunk"')
            await socket.send_json({"type": "start", **LONG})
            while (await socket.receive_json())["type"] != "chunk":
                pass
            process.kill()
            # What aiohttp raises if the last chunk of a chunked body is missing.
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSED
            assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        nginx.wait_for("upstream prematurely closed connection")
        await check_the_gateway_is_reported_unreachable(nginx.url)


async def check_the_gateway_is_reported_unreachable(url: str) -> None:
    async with session(url) as http:
        async with http.post("/api/chat/stream", json=BRIEF) as response:
            assert (response.status, response.headers["Retry-After"]) == (502, "2")
            error = (await response.json())["error"]
            assert (error["code"], error["retryable"]) == ("network_error", True)
        # An EventSource that gets another status than 200 never reconnects.
        async with http.get("/api/chat/stream?prompt=Hello", headers={"Accept": "text/event-stream"}) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            name, retry, data, *_ = (await response.text()).split("\n")
            assert name == "event: rejected"
            assert re.fullmatch(r"retry: [23]\d00", retry)
            assert orjson.loads(data.removeprefix("data: "))["retryable"] is True


LIMITED = {
    "upstream dualstream {": "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;\nupstream dualstream {",
    "proxy_buffering off;": "proxy_buffering off; limit_req zone=one;",
}
SILENT_GATEWAY = {"proxy_read_timeout 75s;": "proxy_read_timeout 200ms;"}


@pytest.mark.parametrize(
    ("changes", "status", "code"), [(LIMITED, 503, "rate_limit"), (SILENT_GATEWAY, 504, "network_error")]
)
async def test_other_errors_of_nginx_have_the_form_that_the_client_reads(
    changes: Mapping[str, str], status: int, code: str, tmp_path: Path
) -> None:
    async def accept_and_be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept_and_be_silent, "127.0.0.1", 0) as server:
        gateway = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with running_nginx(gateway, folder=tmp_path / "nginx", changes={**SILENT_GATEWAY, **changes}) as nginx:
            async with session(nginx.url) as http:
                for _ in range(2):  # the second is beyond the limit
                    async with http.post("/api/chat/stream", json=BRIEF) as response:
                        error = (await response.json())["error"]
                assert (response.status, error["code"], error["retryable"]) == (status, code, True)
                events = {"Accept": "text/event-stream"}
                async with http.get("/api/chat/stream?prompt=Hello", headers=events) as response:
                    assert (response.status, response.content_type) == (200, "text/event-stream")
                    assert (await response.text()).startswith("event: rejected\nretry: ")


async def test_a_body_of_the_largest_size_passes(http: aiohttp.ClientSession) -> None:
    frame = orjson.dumps({**BRIEF, "messages": [{"role": "user", "content": ""}]})
    body = frame.replace(b'"content":""', b'"content":"%b"' % (b"x" * (Settings().max_body_bytes - len(frame))))
    assert len(body) == Settings().max_body_bytes
    async with http.post(
        "/api/chat/stream", data=BytesIO(body), headers={"Content-Type": "application/json"}
    ) as response:
        assert response.status == 200
        assert b"event: complete" in await response.read()


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (Settings().max_body_bytes + 1, "The body is larger than 16777216 bytes."),
        (25 << 20, "The body is far too large."),
    ],
)
async def test_a_body_that_is_too_large_is_refused_with_our_error_before_it_is_sent(
    size: int, message: str, nginx: Nginx
) -> None:
    address = urlsplit(nginx.url)
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"POST /api/chat/stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}"
        writer.write(f'{head}\r\n\r\n{{"messages": [{{"role": "'.encode())
        response = await reader.readuntil(b"}}")
        writer.close()
        await writer.wait_closed()
    status, body = response.split(b"\r\n", 1)[0], response.rpartition(b"\r\n\r\n")[2]
    assert status == b"HTTP/1.1 413 Request Entity Too Large"
    error = orjson.loads(body)["error"]
    assert (error["code"], error["message"], error["retryable"]) == ("invalid_request", message, False)


async def test_resuming_after_the_end_gets_204(http: aiohttp.ClientSession) -> None:
    viewer = SseViewer(http)
    await viewer.start(BRIEF)
    last = (await viewer.to_end())[-1]["seq"]
    headers = {"Last-Event-ID": f"{viewer.generation_id}:{last}", "Accept": "text/event-stream"}
    for path in (f"/api/generations/{viewer.generation_id}/events", "/api/chat/stream?prompt=Hello"):
        async with http.get(path, headers=headers) as response:
            assert (response.status, await response.read()) == (204, b"")


async def test_headers_pass_and_only_the_page_is_compressed(http: aiohttp.ClientSession) -> None:
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip", "X-Request-ID": "my-request"}
    query = {"prompt": "Hello", "model": "sim-instant"}
    async with http.get("/api/chat/stream", params=query, headers=headers) as response:
        await response.read()
        assert "Content-Encoding" not in response.headers
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["X-Request-ID"] == "my-request"
        assert response.headers["X-Generation-ID"].startswith("g_")
    async with http.get("/", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]


async def test_the_log_names_requests_and_generations_and_holds_no_prompt(
    http: aiohttp.ClientSession, nginx: Nginx
) -> None:
    # Longer than nginx's default buffer for a request line.
    query = {"prompt": "secret " * 3000, "model": "sim-instant"}
    async with http.get("/api/chat/stream", params=query, headers={"Accept": "text/event-stream"}) as response:
        assert response.status == 200
        assert b"event: complete" in await response.read()
    named = f"request={response.headers['X-Request-ID']} generation={response.headers['X-Generation-ID']}"
    log = nginx.log
    async with asyncio.timeout(TIMEOUT):
        while named not in log.read_text():
            await asyncio.sleep(0.01)
    assert "secret" not in log.read_text()


async def test_our_page_is_allowed_on_any_port_and_other_origins_are_not(
    http: aiohttp.ClientSession, nginx: Nginx
) -> None:
    async with http.ws_connect("/api/ws", origin=nginx.url) as socket:
        await socket.send_json({"type": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
    async with http.ws_connect("/api/ws", origin="https://elsewhere.example") as socket:
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4403


async def check_limits_by_address(url: str) -> None:
    """Check that a gateway with a limit of one start counts by the address of the client, not by the claimed one."""
    statuses = []
    for address, claimed in [("127.0.0.2", ""), ("127.0.0.2", "127.0.0.4"), ("127.0.0.3", "")]:
        headers = {"X-Forwarded-For": claimed} if claimed else {}
        async with (
            session(url, address) as http,
            http.post("/api/chat/stream", json=BRIEF, headers=headers) as response,
        ):
            await response.read()
            statuses.append(response.status)
    assert statuses == [200, 429, 200]


async def test_each_client_has_its_own_limits_and_cannot_claim_another_address(upstream: str, tmp_path: Path) -> None:
    with (
        running_gateway(upstream, rate_limit_per_minute=1, rate_limit_burst=1) as gateway,
        running_nginx(gateway, folder=tmp_path / "nginx") as nginx,
    ):
        await check_limits_by_address(nginx.url)


@pytest.mark.parametrize("transport", ["sse", "ws"])
async def test_two_hundred_concurrent_streams_are_complete(
    transport: TransportName, nginx: Nginx, upstream: str
) -> None:
    models = [f"sim?ttft=50&speed=200&length={200 + 10 * seed}&seed={seed}&language=emoji" for seed in range(10)]
    expected = {model: await read_text(upstream, model) for model in models}

    async def is_complete(client: Client, model: str) -> bool:
        answer = await client.start("Hello", model=model)
        async for _ in answer:
            pass
        assert answer.terminal is not None
        assert (answer.terminal.type, answer.attachments) == ("complete", 0)
        return answer.text == expected[model]

    async with Client(nginx.url, transport=transport) as client:
        assert all(await asyncio.gather(*(is_complete(client, models[number % 10]) for number in range(200))))


async def test_a_reload_of_nginx_ends_no_stream(viewer: ViewingClient, nginx: Nginx, upstream: str) -> None:
    model = "sim?ttft=0&speed=300&length=400&seed=7"
    await viewer.start({"messages": MESSAGES, "model": model})
    await viewer.until("chunk")
    before = nginx.output.count("reconfiguring")
    nginx.reload()
    nginx.wait_for(f"(?s)(reconfiguring.*){{{before + 1}}}gracefully shutting down")
    assert (await viewer.to_end())[-1]["type"] == "complete"
    assert viewer.text == await read_text(upstream, model)


LOGGED_STREAM = re.compile(r'"GET /api/chat/stream (\S+)" 200 .*connection=(\d+)')


async def test_twenty_streams_share_one_connection_of_http_2(gateway_url: str, tmp_path: Path) -> None:
    curl, openssl = program("curl"), program("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    await run(
        openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *files, *subject
    )
    port = _free_port()
    tls = {
        "# listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "# ssl_certificate     /etc/ssl/certs/dualstream.pem;": f"ssl_certificate {certificate};",
        "# ssl_certificate_key /etc/ssl/private/dualstream.key;": f"ssl_certificate_key {key};",
        "# ssl_protocols ": "ssl_protocols ",
        "# ssl_session_cache ": "ssl_session_cache ",
    }
    with running_nginx(gateway_url, folder=tmp_path / "nginx", changes=tls) as nginx:
        url = f"https://127.0.0.1:{port}/api/chat/stream?prompt=[1-20]&model=sim-gpt-4.1%3Flength=50"
        options = ["-H", "Accept: text/event-stream", "--cacert", str(certificate)]
        output = await run(curl, "-sS", "-N", "--http2", "-Z", "--parallel-max", "20", "-m", "20", *options, url)
        assert output.count(b"event: complete") == 20
        # nginx writes the line of a response once that is sent.
        async with asyncio.timeout(TIMEOUT):
            while len(logged := LOGGED_STREAM.findall(nginx.log.read_text())) < 20:
                await asyncio.sleep(0.01)
        assert {protocol for protocol, _ in logged} == {"HTTP/2.0"}
        assert len({connection for _, connection in logged}) == 1


async def run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
    async with asyncio.timeout(30):
        stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr
    return stdout
