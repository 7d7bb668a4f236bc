"""A connection that can't be made: the message names what failed, and no address."""

import asyncio
import errno
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from gateway.protocol.errors import Code, Failed, GatewayFault
from gateway.upstreams.connections import ConnectionLimits, TrackingConnector
from gateway.upstreams.errors.network import Step, from_connection
from gateway.upstreams.formats.openai_chat import OpenAIChatFormat
from gateway.upstreams.http import HttpUpstream
from tests.certificates import Authority
from tests.gateway.upstreams.raw_server import COMPLETE, DONE, raw_upstream, read_events, respond_stream


async def failure_of(base_url: str, connect_timeout: float = 5) -> Failed:
    upstream = HttpUpstream("test", base_url, OpenAIChatFormat(), limits=ConnectionLimits(0, connect_timeout))
    try:
        with pytest.raises(Failed) as failed:
            await read_events(upstream)
    finally:
        await upstream.close()
    assert not failed.value.may_be_billed
    return failed.value


async def test_a_name_that_does_not_exist() -> None:
    failed = await failure_of("http://no-such-host.invalid/v1")
    assert failed.message.startswith("The provider can't be reached: its host name ")
    assert (failed.code, failed.retryable) == (Code.NETWORK_ERROR, True)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (socket.EAI_NONAME, "its host name was not found"),
        (socket.EAI_AGAIN, "its host name can't be resolved now"),
        (socket.EAI_FAIL, "its host name can't be resolved now"),
    ],
)
async def test_a_name_that_is_not_resolved(number: int, reason: str) -> None:
    error = aiohttp.ClientConnectorDNSError(_KEY, socket.gaierror(number, "x"))
    assert from_connection(error, Step.RESOLVE).message == f"The provider can't be reached: {reason}."
    assert from_connection(error, Step.RESOLVE, proxied=True).message == f"The proxy can't be reached: {reason}."


async def test_a_name_that_takes_too_long_ends_with_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub stands for DNS servers that do not answer."""
    never: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()

    async def resolve(*_arguments: object, **_options: object) -> list[object]:
        return await never

    monkeypatch.setattr("gateway.net.resolver.ThreadResolver.resolve", resolve)
    failed = await failure_of("http://slow.example/v1", connect_timeout=0.05)
    assert failed.message == ("The provider can't be reached: its host name was not resolved within connect_timeout.")
    assert failed.retryable


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ECONNREFUSED, "it refused the connection"),
        (errno.ENETUNREACH, "there is no route to its address"),
        (errno.ETIMEDOUT, "its address does not answer"),
        (errno.EPERM, "its address can't be connected to"),
    ],
)
def test_an_address_that_can_not_be_connected_to(number: int, reason: str) -> None:
    error = aiohttp.ClientConnectorError(_KEY, OSError(number, "secret.internal"))
    failed = from_connection(error, Step.CONNECT)
    assert failed.message == f"The provider can't be reached: {reason}."
    assert failed.retryable


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
@pytest.mark.parametrize("kind", [aiohttp.ClientConnectorError, aiohttp.ClientConnectorDNSError])
def test_what_the_gateway_lacks_is_no_fault_of_the_provider(
    number: int, kind: type[aiohttp.ClientConnectorError]
) -> None:
    assert isinstance(from_connection(kind(_KEY, OSError(number, "x")), Step.CONNECT), GatewayFault)


async def test_a_server_that_accepts_and_says_nothing_to_tls() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    failed = await failure_of(f"https://127.0.0.1:{server.getsockname()[1]}/v1", connect_timeout=0.2)
    server.close()
    assert failed.message == ("The provider can't be reached: the TLS handshake did not end within connect_timeout.")


async def test_a_server_that_leaves_during_the_handshake() -> None:
    for abort in (True, False):

        async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, abort: bool = abort) -> None:
            if abort:
                writer.transport.abort()
            writer.close()

        server = await asyncio.start_server(leave, "127.0.0.1", 0)
        failed = await failure_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        server.close()
        assert failed.message == "The provider can't be reached: it closed the connection during the TLS handshake."
        assert failed.retryable


async def test_tls_to_a_port_that_speaks_http() -> None:
    server = await asyncio.start_server(_bad_request, "127.0.0.1", 0)
    failed = await failure_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    server.close()
    assert failed.message == "The provider can't be reached: it does not speak TLS (https) at this port."
    assert not failed.retryable


async def _bad_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("host", "expired", "is_known", "reason"),
    [
        ("localhost", False, False, "the CA that issued it is unknown here: add it with the variable SSL_CERT_FILE"),
        ("localhost", True, True, "it has expired"),
        ("other.example", False, True, "it is for another host name"),
        ("localhost", False, True, ""),
    ],
)
async def test_a_certificate_that_is_not_accepted(
    tmp_path: Path, host: str, *, expired: bool, is_known: bool, reason: str
) -> None:
    authority = Authority(tmp_path)
    known = ssl.create_default_context(cafile=authority.ca_file) if is_known else True
    serve, url = respond_stream(COMPLETE, DONE), "https://localhost:{port}/v1"
    async with raw_upstream(serve, tls=authority.server(host, expired=expired), base_url=url) as (upstream, requests):
        connector = upstream._create_client(keep=True)._session.connector
        assert isinstance(connector, TrackingConnector)
        connector._ssl = known
        if not reason:
            assert await read_events(upstream)
            return
        with pytest.raises(Failed) as failed:
            await read_events(upstream)
    assert failed.value.message == f"The provider's certificate is not accepted: {reason}."
    assert (failed.value.code, failed.value.retryable, requests) == (Code.NETWORK_ERROR, False, [])


_KEY = aiohttp.client_reqrep.ConnectionKey("secret.internal", 1, False, True, None, None, None)
