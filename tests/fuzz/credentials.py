"""Credentials of clients (keys, tickets, tokens), and the key sets and key files that decide which are valid."""

import atexit
import base64
import hashlib
import hmac
import math
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from pydantic import SecretStr

from gateway.config import ConfigurationError
from gateway.protocol.errors import Code, Refused
from gateway.security import api_keys as keys
from gateway.security.authenticator import ApiKeyScheme, Authenticator, bearer_credential
from gateway.security.jwks import parse_jwks
from gateway.security.jwt_tokens import MAX_SUBJECT_LENGTH, JwtRules, JwtScheme, SharedSecret
from gateway.security.key_file import read_keys, write_keys
from gateway.security.principals import GenerationScope, Principal
from gateway.security.tickets import ReadAccess, TicketScope, TicketStore, TicketUse
from tests.fuzz.target import Target, digits, header_text, nested_list
from tests.fuzz.upstreams import loop

SECRET: Final = "0123456789abcdef" * 4
KEY: Final = keys.ApiKey("Xb41cQ7r", "s" * 43)
STORED: Final = keys.StoredKey("alice", KEY.id, keys.hash_secret(KEY.secret))
FUTURE: Final = 4_102_444_800
"""The year 2100, in seconds since 1970."""

_HEADER: Final = b'{"alg":"HS256"}'


@cache
def _schemes() -> tuple[ApiKeyScheme, JwtScheme]:
    return ApiKeyScheme([STORED]), JwtScheme(JwtRules(["HS256"]), SharedSecret(SecretStr(SECRET)))


def authorization(data: bytes) -> None:
    """Authenticate with a header. Only the one stored key is accepted, and only in its exact form."""
    text = header_text(data)
    authenticator = Authenticator(_schemes(), lambda: 0.0)
    try:
        found = loop().run_until_complete(
            authenticator.authenticate(bearer_credential({"authorization": text}), "10.0.0.1")
        )
    except Refused as refusal:
        assert refusal.code is Code.AUTH_ERROR
    else:
        assert found.name == "alice"
        assert bearer_credential({"authorization": text}) == KEY.text()
    if (parsed := keys.parse_key(text)) is not None:
        assert parsed.text() == text
    try:
        stored = keys.parse_stored_key(text)
    except ValueError:
        return
    assert f"{stored.name}:{stored.id}:{stored.hash}" == text


def token(data: bytes) -> None:
    """Sign any claims under any header. An accepted principal has a valid name and an expiry time."""
    header, _, claims = data.partition(b"\n")
    signed = b"%b.%b" % (_base64url(header), _base64url(claims))
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    for text in (header_text(b"%b.%b" % (signed, _base64url(signature))), header_text(claims)):
        try:
            found = loop().run_until_complete(_schemes()[1].authenticate(text, 0.0))
        except Refused as refusal:
            assert refusal.code is Code.AUTH_ERROR
        else:
            assert found is None or _is_complete(found)


def _is_complete(found: Principal) -> bool:
    assert 1 <= len(found.name) <= MAX_SUBJECT_LENGTH
    assert found.expires is not None
    assert math.isfinite(found.expires)
    return bool(found.name.encode())


def _base64url(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def key_set(data: bytes) -> None:
    """Parse an issuer's keys. Each accepted key can verify a signature."""
    try:
        found = parse_jwks(data, ("RS256", "ES256"))
    except ValueError:
        return
    for key in found.values():
        try:
            jwt.decode("e30.e30.e30", key, algorithms=["RS256", "ES256"])
        except jwt.PyJWTError:
            continue
        raise AssertionError(key)


def ticket(data: bytes) -> None:
    """Redeem tickets; `{ticket}` in the input is a valid one. It is valid once, and no other text ever is."""
    tickets, owner = TicketStore(), Principal("alice", "key")
    scopes: list[TicketScope] = ["start", "socket", GenerationScope("g_a"), GenerationScope("g_a", commands=True)]
    valid = tickets.issue(owner, scopes[data[0] % 4] if data else "start", "", 0.0)
    used = False
    for line in data[1:].split(b"\n"):
        kind, _, rest = line.partition(b" ")
        text = header_text(rest).replace("{ticket}", valid)
        use: TicketUse = {b"s": "start", b"w": "socket"}.get(kind[:1], ReadAccess("g_a", resume=kind == b"again"))  # type: ignore[assignment]
        try:
            found = tickets.redeem(text, use, "", 1.0)
        except Refused as refusal:
            assert refusal.code is Code.AUTH_ERROR
        else:
            assert text == valid
            assert not used or found.generation_scope is not None
            used = True
        assert len(tickets) <= 1


def key_file(data: bytes) -> None:
    """Read a key file. Accepted keys are the same after writing and reading them again."""
    file = _folder() / "keys.toml"
    file.write_bytes(data)
    try:
        found = read_keys(file)
    except ConfigurationError as error:
        assert str(error)
        return
    write_keys(file, found)
    assert [(key.name, key.id, key.hash) for key in read_keys(file)] == [(key.name, key.id, key.hash) for key in found]


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return folder


def _key_set() -> bytes:
    public = ECAlgorithm.to_jwk(ec.derive_private_key(7, ec.SECP256R1()).public_key(), as_dict=True)
    modulus = header_text(_base64url((2**2047 + 1).to_bytes(256, "big")))
    rsa = {"kty": "RSA", "n": modulus, "e": "AQAB", "use": "sig", "kid": "r"}
    return orjson.dumps({"keys": [{**public, "kid": "e"}, rsa, {"kty": "oct", "k": "AAAA"}]})


TARGETS: Final = [
    Target(
        "authorization",
        "`Authorization`, and keys in the environment",
        "only `auth_error`, except for the one stored key",
        authorization,
        [b"Bearer " + KEY.text().encode(), b"bearer a.b.c", b"Basic YTpi", b"alice:Xb41cQ7r:" + b"0" * 64],
        (b"Bearer ", b"ds_", KEY.text().encode(), b"eyJhbGciOiJIUzI1NiJ9."),
        fast=True,
    ),
    Target(
        "token",
        "the header and the claims of a signed JWT",
        "only `auth_error`; an accepted principal has a printable name and an expiry time",
        token,
        [
            _HEADER + b'\n{"sub":"alice","exp":%d,"models":["a"],"roles":"observe"}' % FUTURE,
            b'{"alg":"HS256","kid":"a","crit":["exp"]}\n{"sub":"a","exp":"%d","nbf":1,"iat":1,"aud":"x"}' % FUTURE,
            b'{"alg":"none"}\n{}',
            b'%b\n{"sub":%b,"exp":%b}' % (_HEADER, nested_list(), digits()),
        ],
        (b'"exp":', b'"nbf":', b'"iat":', b'"aud":', b'"iss":', b'"sub":', b'"jti":', b"4102444800", b'"b64":false'),
        fast=True,
    ),
    Target(
        "key-set",
        "an issuer's JWKS",
        "only `ValueError`; an accepted key can verify signatures",
        key_set,
        [_key_set(), b'{"keys":[{"kty":[]},{"kty":"RSA","n":%b,"e":7}]}' % nested_list()],
        (b'"kty":"RSA"', b'"kty":"EC"', b'"crv":"P-256"', b'"alg":"ES256"', b'"use":"sig"', b'"kid":', b'"keys":['),
        fast=True,
    ),
    Target(
        "ticket",
        "tickets in a URL, a subprotocol or a `hello`",
        "a valid ticket is valid once, no other text ever; a used one only reads its generation",
        ticket,
        [b"\0start {ticket}\nstart {ticket}\nagain {ticket}", b"\2g {ticket}\nagain {ticket}", b"\1w x\nw {ticket}"],
        (b"{ticket}", b"again ", b"w ", b"s ", b"g "),
        fast=True,
    ),
    Target(
        "key-file",
        "the key file",
        "only `ConfigurationError`; accepted keys survive writing and reading",
        key_file,
        [
            (
                b'[keys.alice]\nid = "Xb41cQ7r"\nhash = "%b"\ncreated = 2026-01-31T12:00:00Z\nexpires = 2100-01-01\n'
                b'models = ["a"]\nroles = ["observe"]\nbudget_per_day = 5.0\nmax_concurrent = 0\n'
            )
            % (b"0" * 64),
            b'[keys]\na.id = "Xb41cQ7r"\na.hash = "%b"\n' % (b"f" * 64),
            b"[keys.a]\nmax_concurrent = " + digits(),
            b"a = " + nested_list(),
        ],
        (b"[keys.", b"[[keys]]", b"id = ", b"hash = ", b"0x", b"inf", b"nan", b"2026-01-01T00:00:00", b'"""', b"'''"),
        fast=True,
    ),
]
