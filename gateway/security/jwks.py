"""Sets of public keys (JWKS, RFC 7517): from a file, or from an issuer's address, read anew when it has new ones."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import aiohttp
import jwt
import orjson
from yarl import URL

from gateway.net.http_client import HttpClient
from gateway.protocol.errors import Code, Refused

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 256 * 1024
FETCH_TIMEOUT: Final = 5.0

REFRESH_INTERVAL: Final = 3600.0
"""After how long the issuer is asked again, so that a key which it has taken out is not taken for ever."""

MIN_FETCH_INTERVAL: Final = 60.0
"""How long it is not asked again, whatever ids strangers put into their tokens."""

PUBLIC_KEY_TYPES: Final = ("RSA", "EC")

KeysById = Mapping[str | None, jwt.PyJWK]


class StaticKeySet:
    """KeysById that do not change."""

    def __init__(self, keys: KeysById, fingerprint: str = "") -> None:
        self._keys = keys
        self.fingerprint = fingerprint

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """As `KeySource.find`."""
        return select_key(self._keys, key_id)


class RemoteKeySet:
    """An issuer's keys, fetched when they are first needed."""

    def __init__(self, url: str, algorithms: tuple[str, ...], now: Callable[[], float] = time.monotonic) -> None:
        self._url = self.fingerprint = url
        self._algorithms = algorithms
        self._now = now
        self._keys: KeysById = {}
        self._asked_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """As `KeySource.find`."""
        found = select_key(self._keys, key_id)
        if self._is_due(REFRESH_INTERVAL if found is not None else MIN_FETCH_INTERVAL):
            # A task of its own: who waits may give up, or it could be begun again and again by such as do.
            self._fetching = self._fetching or asyncio.create_task(self._fetch(), name="jwks")
            await asyncio.shield(self._fetching)
            found = select_key(self._keys, key_id)
        if not self._keys:
            message = "The keys that tokens are checked with can't be had just now: try again later."
            raise Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=round(MIN_FETCH_INTERVAL * 1000))
        return found

    def _is_due(self, after: float) -> bool:
        return self._asked_at is None or self._now() - self._asked_at >= after

    async def _fetch(self) -> None:
        """Take what the issuer has; if it has nothing that can be read, what there was stays."""
        try:
            self._keys = parse_jwks(await _get(URL(self._url)), self._algorithms)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            logger.warning("the keys of %s can't be had: %s", URL(self._url).with_query(None), _why(error))
        finally:
            # Not sooner: who comes meanwhile is to wait for it.
            self._asked_at, self._fetching = self._now(), None


async def _get(url: URL) -> bytes:
    """Fetch a body.

    Raises:
        aiohttp.ClientError: there is no answer.
        TimeoutError: it took too long.
        ValueError: it is none that could be a set of keys.
    """
    way = HttpClient(aiohttp.ClientTimeout(total=FETCH_TIMEOUT))
    try:
        response = await way.request("GET", url, {"Accept": "application/json"})
        if response.status != 200:
            message = f"the answer is HTTP {response.status}"
            raise ValueError(message)
        return await _read(response)
    finally:
        await way.close()


def _why(error: Exception) -> str:
    """Say what went wrong in our own words: the library's hold what the issuer said."""
    if isinstance(error, TimeoutError):
        return f"no answer within {FETCH_TIMEOUT:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "nobody answers there"
    return "what comes is not HTTP, or breaks off" if isinstance(error, aiohttp.ClientError) else str(error)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            message = f"more than {MAX_BYTES} bytes"
            raise ValueError(message)
    return bytes(body)


def read_jwks_file(file: Path, algorithms: tuple[str, ...]) -> StaticKeySet:
    """Read a file of keys.

    Raises:
        OSError: it can't be read.
        ValueError: it holds no keys for these algorithms.
    """
    with file.open("rb") as opened:
        body = opened.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        message = f"has more than {MAX_BYTES} bytes"
        raise ValueError(message)
    return StaticKeySet(parse_jwks(body, algorithms), hashlib.sha256(body).hexdigest())


def parse_jwks(body: bytes, algorithms: tuple[str, ...]) -> KeysById:
    """Read a set of keys; of those that signatures are not checked with here, nothing is said.

    Raises:
        ValueError: it is no set, or holds none that can be used.
    """
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        message = 'is no set of keys: it must be JSON, {"keys": […]}'
        raise ValueError(message)
    found: dict[str | None, jwt.PyJWK] = {}
    seen: dict[str | None, object] = {}
    for one in listed:
        # A shared secret does not belong here, and a key for encryption checks no signature.
        if isinstance(one, dict) and one.get("kty") in PUBLIC_KEY_TYPES and one.get("use", "sig") == "sig":
            key_id = one.get("kid") if isinstance(one.get("kid"), str) else None
            for key in _key(one, algorithms):
                if seen.setdefault(key_id, one) != one:
                    which = "without a kid" if key_id is None else "with one and the same kid"
                    message = f"holds two keys {which}: by it a token says which of them it was signed with"
                    raise ValueError(message)
                found[key_id] = key
    if not found:
        message = f"holds no key for {', '.join(algorithms)}"
        raise ValueError(message)
    return found


def _key(one: Mapping[str, object], algorithms: tuple[str, ...]) -> list[jwt.PyJWK]:
    """Make a key for the one algorithm that it is for: its own `alg`, or the first of ours that it fits."""
    named = one.get("alg")
    for algorithm in algorithms if named is None else [each for each in algorithms if each == named]:
        try:
            key = jwt.PyJWK(dict(one), algorithm)
            # An EC key is good for the algorithm of its curve alone.
            key.Algorithm.prepare_key(key.key)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return [key]
    return []


def select_key(keys: KeysById, key_id: str | None) -> jwt.PyJWK | None:
    """Give the key of that id; for a token that names none, the only one."""
    if key_id is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(key_id)
