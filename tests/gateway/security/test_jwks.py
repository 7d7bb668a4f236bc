"""Key sets: which keys are accepted, and when they are fetched from the issuer."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.protocol.errors import Refused
from gateway.security.jwks import MAX_BYTES, MIN_FETCH_INTERVAL, RemoteKeySet, parse_jwks, read_jwks_file
from tests.gateway.security.issuer import EC_KEY, OTHER_RSA_KEY, RSA_KEY, issuer, key_set, public


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is not a key set"),
        (b"[]", "is not a key set"),
        (b'{"keys": 3}', "is not a key set"),
        (b'{"keys": [3, {"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}]}', "contains no key for RS256"),
        (key_set(public(RSA_KEY, use="enc"), public(RSA_KEY, alg="PS256"), public(EC_KEY)), "contains no key"),
    ],
)
def test_what_is_not_a_key_set_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(body)
    with pytest.raises(ValueError, match=message):
        read_jwks_file(file, ("RS256",))


@pytest.mark.parametrize("kind", [[], {}, 7, None])
def test_a_key_without_a_valid_type_is_ignored(kind: object) -> None:
    assert list(parse_jwks(key_set({"kty": kind}, public(EC_KEY, kid="a")), ("ES256",))) == ["a"]


def test_a_file_has_a_maximum_size(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="more than"):
        read_jwks_file(file, ("RS256",))


async def test_concurrent_requests_share_one_fetch() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as server:
        assert server.requests == 0
        found = await asyncio.gather(*(server.keys.find("r") for _ in range(10)))
        assert all(found)
        assert server.requests == 1


async def test_an_unknown_id_causes_at_most_one_fetch_a_minute() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as server:
        assert await server.keys.find("r")
        server.body = key_set(public(RSA_KEY, kid="r"), public(OTHER_RSA_KEY, kid="new"))
        for _ in range(10):
            assert await server.keys.find("new") is None
        assert server.requests == 1
        server.now += MIN_FETCH_INTERVAL
        assert await server.keys.find("new")
        assert server.requests == 2


async def test_a_key_that_the_issuer_removed_stops_being_valid() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as server:
        assert await server.keys.find("r")
        server.body = key_set(public(OTHER_RSA_KEY, kid="new"))
        server.now += 3600
        assert await server.keys.find("r") is None


@pytest.mark.parametrize(("status", "body"), [(500, None), (302, None), (200, b"x"), (200, b" " * (MAX_BYTES + 1))])
async def test_the_keys_are_kept_when_a_fetch_fails(status: int, body: bytes | None) -> None:
    async with issuer(public(RSA_KEY, kid="r")) as server:
        assert await server.keys.find("r")
        server.status, server.body, server.now = status, server.body if body is None else body, 3600
        assert await server.keys.find("r")
        assert server.requests == 2


async def test_without_any_key_a_token_is_refused_as_unavailable() -> None:
    async with issuer() as server:
        with pytest.raises(Refused) as error:
            await server.keys.find("r")
        assert (error.value.status, error.value.retryable) == (503, True)


def test_two_keys_with_the_same_id_are_refused() -> None:
    first, second = public(RSA_KEY), public(OTHER_RSA_KEY)
    with pytest.raises(ValueError, match="contains two keys without a kid: a token names"):
        parse_jwks(key_set(first, second), ("RS256",))
    with pytest.raises(ValueError, match="contains two keys with the same kid"):
        parse_jwks(key_set({**first, "kid": "r"}, {**second, "kid": "r"}), ("RS256",))
    # The same entry twice is one key; an entry for another use or algorithm is ignored.
    assert len(parse_jwks(key_set(first, first, public(EC_KEY)), ("RS256",))) == 1
    assert len(parse_jwks(key_set({**first, "use": "enc"}, second), ("RS256",))) == 1
    assert len(parse_jwks(key_set(first, {**second, "kid": "r"}), ("RS256",))) == 2


async def test_a_client_that_stops_waiting_does_not_cancel_the_fetch() -> None:
    requests, answer = 0, asyncio.Event()

    async def serve(_request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        await answer.wait()
        return web.Response(body=key_set(public(RSA_KEY, kid="r")))

    app = web.Application()
    app.router.add_get("/jwks.json", serve)
    async with TestServer(app) as server:
        keys = RemoteKeySet(str(server.make_url("/jwks.json")), ("RS256",))
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(keys.find("unknown"), 0.05)
        answer.set()
        assert await keys.find("r")
        assert await keys.find("unknown") is None
    assert requests == 1
