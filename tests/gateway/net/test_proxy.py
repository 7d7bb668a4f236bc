"""Which proxy a call uses: none, the one that is set, or that of the environment."""

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from yarl import URL

from gateway.net.proxy import ENVIRONMENT, Proxy, _from_environment
from gateway.protocol.errors import Code, Failed
from gateway.protocol.events import Chunk
from gateway.upstreams.connections import ConnectionLimits, TrackingConnector
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.certificates import Authority
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    DONE,
    KEY,
    REQUEST,
    RESPONSE_HEAD,
    raw_upstream,
    read_events,
    respond_stream,
)

CALL = URL("https://api.example/v1/chat/completions")
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    _from_environment.cache_clear()


def test_the_environment_is_not_read_unless_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert Proxy().url_for(CALL) is None
    assert Proxy(ENVIRONMENT).url_for(CALL) == URL("http://proxy:3128")


def test_a_url_is_used_for_every_call() -> None:
    assert Proxy("http://proxy:3128").url_for(CALL) == URL("http://proxy:3128")


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:2"}, CALL, "http://lower:1"),
        ({"HTTPS_PROXY": "proxy:3128"}, CALL, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://user:pass@proxy:3128"}, CALL, "http://user:pass@proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, CALL, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, URL("http://vllm:8000/v1"), "http://proxy:3128"),
        ({"HTTP_PROXY": "http://evil:1", "REQUEST_METHOD": "GET"}, URL("http://vllm:8000/v1"), None),
        ({"ALL_PROXY": "http://proxy:3128"}, CALL, "http://proxy:3128"),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "other.example,.example"}, CALL, None),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, CALL, None),
        ({"ALL_PROXY": "http://proxy:3128", "NO_PROXY": "vllm:8000"}, URL("http://vllm:8000/v1"), None),
        ({}, CALL, None),
    ],
)
def test_the_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: URL, proxy: str | None) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Proxy(ENVIRONMENT).url_for(url) == (None if proxy is None else URL(proxy))


def test_a_proxy_of_another_kind_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@proxy:1080")
    with pytest.raises(ValueError, match="HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP proxy") as failed:
        Proxy(ENVIRONMENT).url_for(CALL)
    assert "secret" not in str(failed.value)


class ConnectProxy:
    """A small HTTP proxy: it makes tunnels (CONNECT), and passes on requests with an absolute URL."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.heads: list[bytes] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ConnectProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.status != 200:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.status)
            writer.close()
            return
        method, target, _ = head.split(b" ", 2)
        url = URL(target.decode() if method != b"CONNECT" else f"//{target.decode()}")
        there, to = await asyncio.open_connection(url.host, url.port)
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            to.write(head)
        pipes = [_pipe(reader, to), _pipe(there, writer)]
        self._tasks.update(asyncio.ensure_future(pipe) for pipe in pipes)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
    finally:
        writer.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("userinfo", ["", "user:hush@"])
async def test_a_stream_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, scheme: str, userinfo: str
) -> None:
    authority = Authority(tmp_path)
    tls = authority.server("localhost") if scheme == "https" else None
    base_url = f"{scheme}://localhost:{{port}}/v1"
    async with (
        ConnectProxy() as proxy,
        raw_upstream(respond_stream(COMPLETE, DONE), tls=tls, base_url=base_url, proxy=Proxy(ENVIRONMENT)) as (
            upstream,
            requests,
        ),
    ):
        monkeypatch.setenv("ALL_PROXY", f"http://{userinfo}127.0.0.1:{proxy.port}")
        trust(upstream, authority)
        for _ in range(2):
            assert Chunk("Xin chào") in await read_events(upstream)
        assert len(requests) == 2
        # The tunnel is kept, as any connection is.
        assert len(proxy.heads) == 1
        assert proxy.heads[0].startswith(b"CONNECT localhost:" if tls else b"POST http://localhost:")
        assert (b"Proxy-Authorization: Basic dXNlcjpodXNo" in proxy.heads[0]) is bool(userinfo)
        if tls:
            # The key is for the provider alone; in the tunnel it is encrypted.
            assert b"sk-very-secret-key" not in proxy.heads[0]
            assert b"Proxy-Authorization" not in requests[0]
    assert "hush" not in caplog.text


async def test_a_call_through_a_proxy_is_cancelled_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD)

    authority, disconnects = Authority(tmp_path), asyncio.Queue[int]()
    async with (
        ConnectProxy() as proxy,
        raw_upstream(
            silent,
            disconnects,
            tls=authority.server("localhost"),
            base_url="https://localhost:{port}/v1",
            proxy=Proxy(f"http://127.0.0.1:{proxy.port}"),
        ) as (upstream, _),
    ):
        trust(upstream, authority)
        response = await upstream.open(REQUEST)
        await response.close()
        assert await asyncio.wait_for(disconnects.get(), 5) == 1


@pytest.mark.parametrize(
    ("scheme", "status", "message", "retryable"),
    [
        ("https", 407, "The proxy refused the gateway's user and password (HTTP 407): check those in its URL.", False),
        ("http", 407, "The proxy refused the gateway's user and password (HTTP 407): check those in its URL.", False),
        ("https", 403, "The proxy refused to connect to the provider (HTTP 403).", False),
        ("https", 503, "The proxy refused to connect to the provider (HTTP 503).", True),
    ],
)
async def test_a_proxy_that_refuses(scheme: str, status: int, message: str, *, retryable: bool) -> None:
    async with ConnectProxy(status) as proxy:
        setting = Proxy(f"http://127.0.0.1:{proxy.port}")
        upstream = HttpUpstream("test", f"{scheme}://provider.example/v1", OpenAIChatFormat(), KEY, proxy=setting)
        with pytest.raises(Failed) as failed:
            await upstream.open(REQUEST)
        await upstream.close()
    assert (failed.value.message, failed.value.retryable) == (message, retryable)
    assert (failed.value.code, failed.value.may_be_billed) == (Code.NETWORK_ERROR, False)


async def test_a_proxy_that_can_not_be_reached() -> None:
    upstream = HttpUpstream(
        "test", "https://provider.example/v1", OpenAIChatFormat(), proxy=Proxy("http://127.0.0.1:1")
    )
    with pytest.raises(Failed, match="The proxy can't be reached: it refused the connection"):
        await upstream.open(REQUEST)
    await upstream.close()


async def test_a_proxy_that_does_not_answer_ends_with_connect_timeout() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    setting = Proxy(f"http://127.0.0.1:{server.getsockname()[1]}")
    limits = ConnectionLimits(connect_timeout=0.1)
    upstream = HttpUpstream("test", "https://provider.example/v1", OpenAIChatFormat(), limits=limits, proxy=setting)
    with pytest.raises(Failed, match="opened no connection to the provider within connect_timeout"):
        await upstream.open(REQUEST)
    await upstream.close()
    server.close()


async def test_a_certificate_behind_a_tunnel_is_that_of_the_provider(tmp_path: Path) -> None:
    tls = Authority(tmp_path).server("localhost")
    serve, url = respond_stream(COMPLETE, DONE), "https://localhost:{port}/v1"
    async with ConnectProxy() as proxy:
        setting = Proxy(f"http://127.0.0.1:{proxy.port}")
        async with raw_upstream(serve, tls=tls, base_url=url, proxy=setting) as (upstream, requests):
            with pytest.raises(Failed, match="The provider's certificate is not accepted") as failed:
                await read_events(upstream)
    assert (failed.value.retryable, requests) == (False, [])


async def test_a_proxy_that_leaves_before_there_is_a_tunnel() -> None:
    async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    setting = Proxy(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    upstream = HttpUpstream("test", "https://provider.example/v1", OpenAIChatFormat(), proxy=setting)
    with pytest.raises(Failed, match="The proxy can't be reached: it closed the connection during the request") as left:
        await upstream.open(REQUEST)
    await upstream.close()
    server.close()
    assert (left.value.retryable, left.value.may_be_billed) == (True, False)


async def test_an_environment_that_names_no_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:hush@proxy:1080")
    upstream = HttpUpstream("test", "https://provider.example/v1", OpenAIChatFormat(), proxy=Proxy(ENVIRONMENT))
    with pytest.raises(Failed, match=r"^HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP proxy\.$") as failed:
        await upstream.open(REQUEST)
    await upstream.close()
    assert not failed.value.retryable


def trust(upstream: HttpUpstream, authority: Authority) -> None:
    """Add the certificates of an authority to those that an upstream trusts."""
    connector = upstream._create_client(keep=True)._session.connector
    assert isinstance(connector, TrackingConnector)
    connector._ssl = ssl.create_default_context(cafile=authority.ca_file)
