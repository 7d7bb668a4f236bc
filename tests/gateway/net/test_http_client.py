"""The one way out: what it does not follow, does not keep, does not unpack, and does not tell."""

import ast
import asyncio
import gzip
import traceback
from pathlib import Path

import pytest

from gateway.protocol.errors import Code, Failed
from gateway.security.jwks import RemoteKeySet
from gateway.upstreams.errors import ERROR_BODY_BYTES, ERROR_BODY_SECONDS
from tests.gateway.security.issuer import RSA_KEY, key_set, public
from tests.gateway.upstreams.test_http import CALL, HEAD, KEY, WHOLE, answers, bodies, failure, provider, read

ROOMS = ("gateway", "transports")
ALONE = {Path("gateway/net/http_client.py"), Path("gateway/client/client.py")}
"""Where a session is made: the way out, and the client of a gateway, which is no part of the server."""


def test_there_is_no_other_way_out() -> None:
    made = {
        file
        for room in ROOMS
        for file in Path(room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
        in {"ClientSession", "urlopen", "open_connection", "create_connection"}
    }
    assert made == ALONE


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with provider(bodies(WHOLE)) as (elsewhere, asked):
        redirect = answers(status, b"", f"Location: {elsewhere.base_url}")
        failed, _ = await failure(redirect)
        assert (failed.code, failed.retryable) == (Code.UPSTREAM_PROTOCOL, False)
        assert "127.0.0.1" not in failed.message
        assert asked == []


async def test_of_the_environment_no_proxy_and_no_password_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with provider(bodies(WHOLE)) as (proxy, passed_on), provider(bodies(WHOLE)) as (upstream, requests):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url)
        await read(upstream)
        upstream._api_key = None
        await read(upstream)
        assert passed_on == []
        assert len(requests) == 2
        assert b"authorization" not in requests[1].lower()


async def test_a_cookie_is_not_kept() -> None:
    cookie = HEAD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: who=alice; Path=/\r\n\r\n")

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(cookie + b"%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE))

    async with provider(serve) as (upstream, requests):
        for _ in range(2):
            await read(upstream)
        assert len(requests) == 2
        assert b"cookie" not in b"".join(requests).lower()


async def test_what_comes_compressed_is_not_unpacked() -> None:
    event_stream, packed = "Content-Type: text/event-stream", "Content-Encoding: gzip"
    failed, parts = await failure(answers("200 OK", gzip.compress(WHOLE), event_stream, packed))
    assert (failed.code, parts) == (Code.UPSTREAM_PROTOCOL, [])
    assert "compressed" in failed.message
    said = b'{"error":{"message":"the prompt is too long"}}'
    for body, words, *headers in ((said, ": the prompt is too long"), (gzip.compress(said), ".", packed)):
        failed, _ = await failure(answers("400 Bad Request", body, *headers))
        assert failed.message == f"The provider refused the request (HTTP 400){words}"


async def test_a_head_without_end_is_given_up() -> None:
    sent = 0

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while sent < 100_000 and not writer.is_closing():
            writer.write(b"X-%d: %b\r\n" % (sent, b"x" * 1000))
            sent += 1
            await writer.drain()

    failed, _ = await failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    assert sent < 100_000


async def test_of_a_long_error_only_the_beginning_is_read() -> None:
    for length, told in ((ERROR_BODY_BYTES // 2, ": the prompt is too long"), (4 << 20, ".")):
        said = b'{"error":{"message":"the prompt is too long"},"rest":"%b"}' % (b"x" * length)
        failed, _ = await failure(answers("400 Bad Request", said))
        assert failed.message == f"The provider refused the request (HTTP 400){told}"


async def test_an_error_without_end_is_not_waited_for() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD.replace(b"200 OK", b"400 No") + b"2\r\n{}\r\n")

    failed, _ = await asyncio.wait_for(failure(serve), 10 * ERROR_BODY_SECONDS)
    assert failed.message == "The provider refused the request (HTTP 400)."


async def test_what_is_no_http_fails_without_the_key_in_anything_that_is_kept() -> None:
    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n")

    failed, _ = await failure(serve)
    assert failed.code is Code.UPSTREAM_PROTOCOL
    error: BaseException | None = failed
    kept = "".join(traceback.format_exception(failed))
    while error is not None:
        kept += repr(error)
        error = error.__cause__ or error.__context__
    assert KEY.get_secret_value() not in kept


async def test_an_issuer_is_asked_by_the_same_way_and_its_words_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cases = [
        (answers("302 \x1b[31mred", b"{}", "Location: http://127.0.0.1:1/"), "the response has status 302"),
        (answers("200 red", gzip.compress(key_set(public(RSA_KEY))), "Content-Encoding: gzip"), "is not a key set"),
        (answers("red"), "the response is not HTTP, or is incomplete"),
    ]
    for serve, why in cases:
        async with provider(serve) as (upstream, requests):
            place = f"{upstream.base_url}k"
            await RemoteKeySet(f"{place}?code=hush", ("RS256",))._fetch()
            assert len(requests) == 1
            assert b"accept-encoding: identity" in requests[0].lower()
        assert any(said.startswith(f"the keys of {place} are not available: {why}") for said in caplog.messages)
    await RemoteKeySet("http://127.0.0.1:1/k?code=hush", ("RS256",))._fetch()
    assert caplog.messages[-1] == "the keys of http://127.0.0.1:1/k are not available: cannot connect"
    assert "hush" not in caplog.text
    assert "red" not in " ".join(caplog.messages).split()


async def test_a_call_shows_the_key_to_its_provider_alone() -> None:
    async with provider(bodies(WHOLE)) as (upstream, requests):
        answer = await upstream.open(CALL)
        secret = KEY.get_secret_value()
        assert secret.encode() in requests[0]
        assert secret not in repr(answer) + repr(upstream) + repr(vars(upstream)) + repr(answer.__dict__)
        await answer.close()


async def test_a_failure_names_no_address() -> None:
    async with provider(bodies(WHOLE)) as (upstream, _):
        upstream.base_url = "http://127.0.0.1:1/v1"
        with pytest.raises(Failed) as failed:
            await upstream.open(CALL)
    assert failed.value.message == "The provider can't be reached."
