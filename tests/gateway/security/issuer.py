"""A test issuer of JSON Web Tokens: its keys, the tokens it signs, and the endpoint that serves its key set."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.security.jwks import RemoteKeySet

SECRET = "0123456789abcdef" * 4
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Claims = Mapping[str, object]
EMPTY: Claims = {}
# Later than the end of the test run, on any machine.
SOON = int(time.time()) + 86_400


def public(key: PrivateKey, **more: str) -> dict[str, object]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


def key_set(*keys: dict[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def token(claims: Claims = EMPTY, key: PrivateKey | str = SECRET, algorithm: str = "HS256", kid: str = "") -> str:
    """Sign a token; a claim whose value is None is left out."""
    body = {name: value for name, value in {"sub": "alice", "exp": SOON, **claims}.items() if value is not None}
    return jwt.encode(body, key, algorithm, {"kid": kid} if kid else None)


@dataclass
class Issuer:
    """The issuer's JWKS endpoint; `keys` fetches from it, by a clock that the test sets."""

    body: bytes = b""
    status: int = 200
    requests: int = 0
    now: float = 0.0
    url: str = ""
    keys: RemoteKeySet = field(init=False)

    async def answer(self, _request: web.Request) -> web.Response:
        self.requests += 1
        return web.Response(body=self.body, status=self.status, headers={"Location": "/"})


@asynccontextmanager
async def issuer(*keys: dict[str, object]) -> AsyncIterator[Issuer]:
    server = Issuer(key_set(*keys))
    app = web.Application()
    app.router.add_get("/jwks.json", server.answer)
    async with TestServer(app) as running:
        server.url = str(running.make_url("/jwks.json"))
        server.keys = RemoteKeySet(server.url, ("RS256",), lambda: server.now)
        yield server
