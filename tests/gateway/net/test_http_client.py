"""The only HTTP client: no redirects, proxies, cookies or decompression, and no secrets in its errors."""

import ast
import asyncio
import gzip
import traceback
from pathlib import Path

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.security.jwks import RemoteKeySet
from gateway.upstreams.errors.refusals import ERROR_BODY_BYTES, ERROR_BODY_SECONDS
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.gateway.security.issuer import RSA_KEY, key_set, public
from tests.gateway.upstreams.raw_server import (
    COMPLETE,
    KEY,
    REQUEST,
    RESPONSE_HEAD,
    raw_upstream,
    read_events,
    read_failure,
    respond,
    respond_stream,
)

PACKAGES = ("gateway", "transports")
ALLOWED = {Path("gateway/net/http_client.py"), Path("gateway/client/http_session.py")}
"""Modules that open connections: the HTTP client, and the gateway's Python client, which is not part of the server."""


def test_no_other_module_opens_connections() -> None:
    found = {
        file
        for package in PACKAGES
        for file in Path(package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in {"ClientSession", "urlopen", "open_connection", "create_connection"}
    }
    assert found == ALLOWED


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with raw_upstream(respond_stream(COMPLETE)) as (elsewhere, requests):
        redirect = respond(status, b"", f"Location: {elsewhere.base_url}")
        failed, _ = await read_failure(redirect)
        assert (failed.code, failed.retryable) == (Code.UPSTREAM_PROTOCOL, False)
        assert "127.0.0.1" not in failed.message
        assert requests == []


async def test_proxies_and_passwords_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        raw_upstream(respond_stream(COMPLETE)) as (proxy, proxied),
        raw_upstream(respond_stream(COMPLETE)) as (upstream, requests),
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        await read_events(upstream)
        without_key = HttpUpstream("test", upstream.base_url, OpenAIChatFormat())
        await read_events(without_key)
        await without_key.close()
        assert proxied == []
        assert len(requests) == 2
        assert b"authorization" not in requests[1].lower()


async def test_a_cookie_is_not_kept() -> None:
    cookie = RESPONSE_HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: who=alice; Path=/\r\n\r\n")

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(cookie + b"%x\r\n%b\r\n0\r\n\r\n" % (len(COMPLETE), COMPLETE))

    async with raw_upstream(serve) as (upstream, requests):
        for _ in range(2):
            await read_events(upstream)
        assert len(requests) == 2
        assert b"cookie" not in b"".join(requests).lower()


async def test_a_compressed_response_is_not_decompressed() -> None:
    event_stream, gzipped = "Content-Type: text/event-stream", "Content-Encoding: gzip"
    failed, parts = await read_failure(respond("200 OK", gzip.compress(COMPLETE), event_stream, gzipped))
    assert (failed.code, parts) == (Code.UPSTREAM_PROTOCOL, [])
    assert "compressed" in failed.message
    said = b'{"error":{"message":"the prompt is too long"}}'
    for body, words, *headers in ((said, ": the prompt is too long"), (gzip.compress(said), ".", gzipped)):
        failed, _ = await read_failure(respond("400 Bad Request", body, *headers))
        assert failed.message == f"The provider refused the request (HTTP 400){words}"


async def test_headers_without_end_are_refused() -> None:
    sent = 0

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while sent < 100_000 and not writer.is_closing():
            writer.write(b"X-%d: %b\r\n" % (sent, b"x" * 1000))
            sent += 1
            await writer.drain()

    failed, _ = await read_failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert sent < 100_000


async def test_only_the_beginning_of_a_long_error_is_read() -> None:
    for length, quoted in ((ERROR_BODY_BYTES // 2, ": the prompt is too long"), (4 << 20, ".")):
        said = b'{"error":{"message":"the prompt is too long"},"rest":"%b"}' % (b"x" * length)
        failed, _ = await read_failure(respond("400 Bad Request", said))
        assert failed.message == f"The provider refused the request (HTTP 400){quoted}"


async def test_an_error_body_without_end_is_abandoned() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(RESPONSE_HEAD.replace(b"200 OK", b"400 No") + b"2\r\n{}\r\n")

    failed, _ = await asyncio.wait_for(read_failure(serve), 10 * ERROR_BODY_SECONDS)
    assert failed.message == "The provider refused the request (HTTP 400)."


async def test_the_failure_of_an_invalid_response_does_not_hold_the_key() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n")

    failed, _ = await read_failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    error: BaseException | None = failed
    held = "".join(traceback.format_exception(failed))
    while error is not None:
        held += repr(error)
        error = error.__cause__ or error.__context__
    assert KEY.get_secret_value() not in held


async def test_key_sets_are_fetched_by_this_client_and_issuers_texts_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cases = [
        (respond("302 \x1b[31mred", b"{}", "Location: http://127.0.0.1:1/"), "the response has status 302"),
        (respond("200 red", gzip.compress(key_set(public(RSA_KEY))), "Content-Encoding: gzip"), "is not a key set"),
        (respond("red"), "the response is not HTTP, or is incomplete"),
    ]
    for serve, why in cases:
        async with raw_upstream(serve) as (upstream, requests):
            url = f"{upstream.base_url}k"
            await RemoteKeySet(f"{url}?code=hush", ("RS256",))._fetch()
            assert len(requests) == 1
            assert b"accept-encoding: identity" in requests[0].lower()
        assert any(message.startswith(f"the keys of {url} are not available: {why}") for message in caplog.messages)
    await RemoteKeySet("http://127.0.0.1:1/k?code=hush", ("RS256",))._fetch()
    assert caplog.messages[-1] == "the keys of http://127.0.0.1:1/k are not available: cannot connect"
    assert "hush" not in caplog.text
    assert "red" not in " ".join(caplog.messages).split()


async def test_only_the_provider_sees_the_key() -> None:
    async with raw_upstream(respond_stream(COMPLETE)) as (upstream, requests):
        answer = await upstream.open(REQUEST)
        secret = KEY.get_secret_value()
        assert secret.encode() in requests[0]
        assert secret not in repr(answer) + repr(upstream) + repr(vars(upstream)) + repr(
            [getattr(answer, name) for name in answer.__slots__]
        )
        await answer.close()


async def test_a_failure_names_no_address() -> None:
    async with raw_upstream(respond_stream(COMPLETE)) as (upstream, _):
        upstream.base_url = "http://127.0.0.1:1/v1"
        with pytest.raises(Failed) as failed:
            await upstream.open(REQUEST)
    assert failed.value.message == "The provider can't be reached: it refused the connection."
