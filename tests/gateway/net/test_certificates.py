"""Certificates are loaded by the first connection, or before it, and connections verify by them as ever."""

import asyncio
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.net.certificates import DeferredContext, deferred_certificates
from tests.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return an authority that the system trusts, and no other."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


async def _connect(context: ssl.SSLContext, server: ssl.SSLContext) -> None:
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", ssl=server)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        await reader.read()
        writer.close()


async def test_the_first_connection_loads_the_certificates(authority: Authority) -> None:
    with deferred_certificates() as verifying:
        context = ssl.create_default_context()
    assert verifying == [context]
    assert context.cert_store_stats()["x509"] == 0
    await _connect(context, authority.server("localhost"))
    assert context.cert_store_stats()["x509"] == 1
    assert type(context) is ssl.SSLContext
    await _connect(context, authority.server("localhost"))


async def test_a_certificate_that_is_not_trusted_is_rejected(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with deferred_certificates():
        context = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await _connect(context, Authority(tmp_path / "other").server("localhost"))


async def test_certificates_can_be_loaded_before(authority: Authority) -> None:
    with deferred_certificates() as verifying:
        context = ssl.create_default_context()
    for each in verifying:
        each.load()
    assert context.cert_store_stats()["x509"] == 1
    DeferredContext.load(verifying[0])
    await _connect(context, authority.server("localhost"))


def test_contexts_that_verify_nothing_are_not_among_those_to_load() -> None:
    with deferred_certificates() as verifying:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_default_verify_paths()
    assert verifying == []
    assert isinstance(context, DeferredContext)


def test_contexts_that_are_built_later_load_theirs(authority: Authority) -> None:
    with deferred_certificates():
        pass
    assert ssl.create_default_context().cert_store_stats()["x509"] == 1


def test_aiohttp_loads_no_certificates_when_it_is_imported(authority: Authority) -> None:
    script = (
        "from gateway.net.certificates import DeferredContext, deferred_certificates\n"
        "with deferred_certificates() as verifying:\n"
        "    import aiohttp.connector\n"
        "(context,) = verifying\n"
        "assert context.cert_store_stats()['x509'] == 0\n"
        "assert aiohttp.connector._SSL_CONTEXT_VERIFIED is context\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})
