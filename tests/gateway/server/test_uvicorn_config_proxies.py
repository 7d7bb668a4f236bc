"""The client's address: trusted proxies send it in X-Forwarded-For, and that header is ignored from any other peer."""

import aiohttp
import pytest

from gateway.config import Settings
from tests.served.gateway import Configure, Served, as_command

BODY = {"messages": [{"role": "user", "content": "Hello"}]}
CLAIMS = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;proto=https",
}


@pytest.fixture
def trusted() -> str:
    return "127.0.0.1"


@pytest.fixture
def settings(settings: Settings, trusted: str) -> Settings:
    proxies = tuple(filter(None, trusted.split(",")))
    return settings.model_copy(update={"trusted_proxies": proxies, "max_connections_per_address": 4})


@pytest.fixture
def configure() -> Configure:
    return as_command


async def client_of(served: Served, *headers: tuple[str, str]) -> str:
    """Start a generation with these headers; return its principal, which is the client's address."""
    before = set(served.hub._records._by_id)
    async with served.http.post("/api/generations", json=BODY, headers=headers) as response:
        assert response.status == 201
    (generation_id,) = set(served.hub._records._by_id) - before
    return served.hub._records._by_id[generation_id].principal.name


@pytest.mark.parametrize("trusted", ["", "10.0.0.1", "127.0.0.2,::1,192.168.0.0/16"])
async def test_the_headers_of_an_untrusted_proxy_are_ignored(served: Served) -> None:
    assert await client_of(served, *CLAIMS.items()) == "127.0.0.1"
    async with served.http.ws_connect("/api/ws", headers=CLAIMS) as socket:
        await socket.send_json({"type": "start", "id": 1, **BODY})
        while (await socket.receive_json()).get("type") != "ack":
            pass
        assert {record.principal.name for record in served.hub._records._by_id.values()} == {"127.0.0.1"}


async def test_only_x_forwarded_for_counts(served: Served) -> None:
    others = {name: value for name, value in CLAIMS.items() if name != "X-Forwarded-For"}
    assert await client_of(served, *others.items()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9", "6.6.6.6, 203.0.113.8"], "203.0.113.8"),
        ("127.0.0.1,10.0.0.0/8", ["6.6.6.6, 203.0.113.9, 10.1.2.3", "10.9.9.9"], "203.0.113.9"),
        ("127.0.0.1,10.1.2.3/8", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", ["203.0.113.9, ::ffff:10.1.2.3"], "203.0.113.9"),
        ("::ffff:127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:127.0.0.0/104", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1,2001:db8::/32", ["2001:db9::7, 2001:db8::1"], "2001:db9::/64"),
        ("127.0.0.1,2001:db8::/32", ["2001:db9::7, 2001:DB8:0::1"], "2001:db9::/64"),
        ("127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("127.0.0.1", ["[2001:db9::7]:4711"], "2001:db9::/64"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["unknown"], "unknown"),
        ("*", ["203.0.113.9, 203.0.113.8"], "203.0.113.9"),
    ],
)
async def test_the_last_untrusted_address_before_trusted_proxies_is_the_client(
    served: Served, forwarded: list[str], client: str
) -> None:
    assert await client_of(served, *(("X-Forwarded-For", line) for line in forwarded)) == client
    headers = [("X-Forwarded-For", line) for line in forwarded]
    async with served.http.ws_connect("/api/ws", headers=headers) as socket:
        await socket.send_json({"type": "start", "id": 1, **BODY})
        while (await socket.receive_json()).get("type") != "ack":
            pass
    assert {record.principal.name for record in served.hub._records._by_id.values()} == {client}


async def test_a_value_that_is_not_an_address_is_truncated(served: Served) -> None:
    assert await client_of(served, ("X-Forwarded-For", "x" * 8000)) == "x" * 64


async def test_the_connections_of_a_trusted_proxy_have_no_limit(served: Served) -> None:
    async with aiohttp.ClientSession(served.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        sockets = [await session.ws_connect("/api/ws") for _ in range(5)]
        for socket in sockets:
            await socket.close()
