"""Tokens: which are taken, which are not, and where the keys that check them come from."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from gateway.protocol.errors import Code, Refused
from gateway.security.authenticator import bad, expired
from gateway.security.jwks import MOST_BYTES, PAUSE_SECONDS, FetchedKeys, FixedKeys, read_file, read_keys
from gateway.security.jwt_tokens import LEEWAY_SECONDS, JwtRules, JwtScheme, SharedSecret
from gateway.security.principals import ROLES

SECRET = "0123456789abcdef" * 4
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Claims = Mapping[str, object]
EMPTY: Claims = {}
# Later than the whole suite ends, wherever it runs.
SOON = int(time.time()) + 86_400


def public(key: PrivateKey, **more: str) -> dict[str, object]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


def key_set(*keys: dict[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def fixed(*keys: dict[str, object], algorithms: tuple[str, ...] = ("RS256", "ES256")) -> FixedKeys:
    return FixedKeys(read_keys(key_set(*keys), algorithms))


def shared(**rules: str) -> JwtScheme:
    return JwtScheme(JwtRules(["HS256"], **rules), SharedSecret(SecretStr(SECRET)))


def token(claims: Claims = EMPTY, key: PrivateKey | str = SECRET, algorithm: str = "HS256", kid: str = "") -> str:
    """Sign one; a claim that is None is left out."""
    body = {name: value for name, value in {"sub": "alice", "exp": SOON, **claims}.items() if value is not None}
    return jwt.encode(body, key, algorithm, {"kid": kid} if kid else None)


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refused(scheme: JwtScheme, text: str) -> Refused:
    with pytest.raises(Refused) as error:
        found = await scheme.authenticate(text, 0)
        if found is None:
            raise bad()
    assert error.value.code is Code.AUTH_ERROR
    return error.value


async def test_a_token_names_its_principal() -> None:
    found = await shared().authenticate(token({"models": ["a", "b"], "roles": ["observe", "root"]}), 0)
    assert found is not None
    assert (found.id, found.models, found.roles) == ("token:alice", frozenset("ab"), frozenset({"observe"}))
    assert found.expires == SOON + LEEWAY_SECONDS
    plain = await shared().authenticate(token(), 0)
    assert plain is not None
    assert (plain.models, plain.roles) == (None, frozenset())


async def test_the_claims_may_have_other_names_and_be_one_string() -> None:
    scheme = shared(models_claim="m", roles_claim="https://a.example/roles")
    claims = {"m": "a b", "models": ["c"], "https://a.example/roles": "operate observe"}
    found = await scheme.authenticate(token(claims), 0)
    assert found is not None
    assert (found.models, found.roles) == (frozenset("ab"), ROLES)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"exp": None},
        {"sub": ""},
        {"sub": "x" * 300},
        {"sub": "a\nb"},
        {"nbf": SOON},
        {"models": 3},
        {"models": ["a", 3]},
        {"roles": {"observe": True}},
    ],
)
async def test_one_that_does_not_say_what_it_must_is_not_taken(claims: dict[str, object]) -> None:
    assert (await refused(shared(), token(claims))).body() == bad().body()


async def test_issuer_and_audience_are_looked_at_where_they_are_set() -> None:
    scheme = shared(issuer="https://a.example", audience="us")
    right: Claims = {"iss": "https://a.example", "aud": ["them", "us"]}
    assert await scheme.authenticate(token(right), 0)
    wrongs: list[Claims] = [{"iss": "https://b.example"}, {"iss": None}, {"aud": "them"}, {"aud": None}]
    for wrong in wrongs:
        assert (await refused(scheme, token({**right, **wrong}))).message == bad().message
    assert await shared().authenticate(token(right), 0)


async def test_expired_is_told_to_who_has_one_that_was_signed() -> None:
    assert await shared().authenticate(token({"exp": int(time.time()) - LEEWAY_SECONDS // 2}), 0)
    past = token({"exp": int(time.time()) - 2 * LEEWAY_SECONDS})
    assert (await refused(shared(), past)).message == expired().message
    assert (await refused(shared(), past[:-4] + "AAAA")).message == bad().message


async def test_what_was_signed_otherwise_is_not_taken() -> None:
    unsigned = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded({'sub': 'alice', 'exp': SOON})}"
    for text in (f"{unsigned}.", f"{unsigned}.AAAA", token(EMPTY, "x" * 64), token(EMPTY, algorithm="HS512")):
        assert (await refused(shared(), text)).message == bad().message


async def test_public_keys() -> None:
    scheme = JwtScheme(JwtRules(["RS256", "ES256"]), fixed(public(RSA_KEY, kid="r"), public(EC_KEY, kid="e")))
    assert await scheme.authenticate(token(EMPTY, RSA_KEY, "RS256", "r"), 0)
    assert await scheme.authenticate(token(EMPTY, EC_KEY, "ES256", "e"), 0)
    for text in (
        token(EMPTY, OTHER_RSA_KEY, "RS256", "r"),
        token(EMPTY, RSA_KEY, "RS256", "e"),
        token(EMPTY, RSA_KEY, "RS256", "unknown"),
        token(EMPTY, RSA_KEY, "RS256"),
        token(EMPTY, RSA_KEY, "RS512", "r"),
    ):
        assert (await refused(scheme, text)).message == bad().message


async def test_a_public_key_is_no_shared_secret() -> None:
    known = public(RSA_KEY, kid="r")
    signed = f"{encoded({'alg': 'HS256', 'kid': 'r'})}.{encoded({'sub': 'alice', 'exp': SOON})}"
    signature = hmac.digest(json.dumps(known).encode(), signed.encode(), "sha256")
    scheme = JwtScheme(JwtRules(["RS256"]), fixed(known))
    assert (await refused(scheme, f"{signed}.{encoded(signature)}")).message == bad().message


async def test_the_only_key_needs_no_name() -> None:
    scheme = JwtScheme(JwtRules(["RS256"]), fixed(public(RSA_KEY, alg="RS256")))
    assert await scheme.authenticate(token(EMPTY, RSA_KEY, "RS256"), 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is no set of keys"),
        (b"[]", "is no set of keys"),
        (b'{"keys": 3}', "is no set of keys"),
        (b'{"keys": [3, {"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}]}', "holds no key for RS256"),
        (key_set(public(RSA_KEY, use="enc"), public(RSA_KEY, alg="PS256"), public(EC_KEY)), "holds no key for RS256"),
    ],
)
def test_what_is_no_set_of_keys(tmp_path: Path, body: bytes, said: str) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(body)
    with pytest.raises(ValueError, match=said):
        read_file(file, ("RS256",))


@pytest.mark.parametrize("kind", [[], {}, 7, None])
def test_a_key_of_no_kind_is_passed_over(kind: object) -> None:
    assert list(read_keys(key_set({"kty": kind}, public(EC_KEY, kid="a")), ("ES256",))) == ["a"]


def test_a_file_has_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(ValueError, match="more than"):
        read_file(file, ("RS256",))


@given(st.text(max_size=100) | st.lists(st.text(max_size=40), min_size=3, max_size=3).map(".".join))
def test_whatever_it_is_it_is_refused_and_breaks_nothing(text: str) -> None:
    async def authenticate() -> None:
        try:
            assert await shared().authenticate(text, 0) is None
        except Refused as refused:
            assert refused.body() == bad().body()

    asyncio.run(authenticate())


async def test_one_that_is_nested_without_end_is_refused() -> None:
    deep = encoded(b"[" * 5000)
    assert (await refused(shared(), f"{deep}.{deep}.AAAA")).message == bad().message


@dataclass
class Issuer:
    """Has keys at an address."""

    body: bytes = b""
    status: int = 200
    asked: int = 0
    now: float = 0.0
    url: str = ""
    keys: FetchedKeys = field(init=False)

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, status=self.status, headers={"Location": "/"})


@asynccontextmanager
async def issuer(*keys: dict[str, object]) -> AsyncIterator[Issuer]:
    it = Issuer(key_set(*keys))
    app = web.Application()
    app.router.add_get("/jwks.json", it.answer)
    async with TestServer(app) as server:
        it.url = str(server.make_url("/jwks.json"))
        it.keys = FetchedKeys(it.url, ("RS256",), lambda: it.now)
        yield it


async def test_keys_are_fetched_once_for_all_who_ask() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as it:
        assert it.asked == 0
        found = await asyncio.gather(*(it.keys.find("r") for _ in range(10)))
        assert all(found)
        assert it.asked == 1


async def test_an_unknown_id_has_them_fetched_again_at_most_once_a_minute() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as it:
        assert await it.keys.find("r")
        it.body = key_set(public(RSA_KEY, kid="r"), public(OTHER_RSA_KEY, kid="new"))
        for _ in range(10):
            assert await it.keys.find("new") is None
        assert it.asked == 1
        it.now += PAUSE_SECONDS
        assert await it.keys.find("new")
        assert it.asked == 2


async def test_a_key_that_was_taken_out_is_not_taken_for_ever() -> None:
    async with issuer(public(RSA_KEY, kid="r")) as it:
        assert await it.keys.find("r")
        it.body = key_set(public(OTHER_RSA_KEY, kid="new"))
        it.now += 3600
        assert await it.keys.find("r") is None


@pytest.mark.parametrize(("status", "body"), [(500, None), (302, None), (200, b"x"), (200, b" " * (MOST_BYTES + 1))])
async def test_what_there_was_stays_when_the_issuer_has_nothing(status: int, body: bytes | None) -> None:
    async with issuer(public(RSA_KEY, kid="r")) as it:
        assert await it.keys.find("r")
        it.status, it.body, it.now = status, it.body if body is None else body, 3600
        assert await it.keys.find("r")
        assert it.asked == 2


async def test_without_any_key_it_is_our_fault_and_passes() -> None:
    async with issuer() as it:
        with pytest.raises(Refused) as error:
            await it.keys.find("r")
        assert (error.value.status, error.value.retryable) == (503, True)


async def test_a_claim_that_is_null_is_not_one_that_is_absent() -> None:
    # `token` leaves out what is None.
    for claim in ("models", "roles"):
        claims = {"sub": "alice", "exp": SOON, claim: None}
        assert (await refused(shared(), jwt.encode(claims, SECRET, "HS256"))).body() == bad().body()


def test_keys_that_a_token_can_not_tell_apart_are_refused() -> None:
    one, other = public(RSA_KEY), public(OTHER_RSA_KEY)
    with pytest.raises(ValueError, match="holds two keys without a kid: by it a token says"):
        read_keys(key_set(one, other), ("RS256",))
    with pytest.raises(ValueError, match="holds two keys with one and the same kid"):
        read_keys(key_set({**one, "kid": "r"}, {**other, "kid": "r"}), ("RS256",))
    # The same twice is one; and what is not for our algorithms is not looked at.
    assert len(read_keys(key_set(one, one, public(EC_KEY)), ("RS256",))) == 1
    assert len(read_keys(key_set({**one, "use": "enc"}, other), ("RS256",))) == 1
    assert len(read_keys(key_set(one, {**other, "kid": "r"}), ("RS256",))) == 2
