"""JSON Web Key Sets (RFC 7517) that verify tokens: read from a file, or fetched from the issuer and refreshed."""

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

from gateway.log_fields import log_fields
from gateway.net.http_client import HttpClient
from gateway.net.http_response import HttpResponse
from gateway.protocol.errors import Code, Refused

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 256 * 1024
"""Maximum bytes of a key set."""

FETCH_TIMEOUT: Final = 5.0
"""Timeout of a fetch, in seconds."""

REFRESH_INTERVAL: Final = 3600.0
"""Seconds after which the key set is fetched again, so that a key which the issuer has removed stops being valid."""

MIN_FETCH_INTERVAL: Final = 60.0
"""Minimum seconds between fetches: tokens with invented key ids cannot make the gateway flood the issuer."""

PUBLIC_KEY_TYPES: Final = ("RSA", "EC")

KeysById = Mapping[str | None, jwt.PyJWK]


class StaticKeySet:
    """A key set that does not change."""

    def __init__(self, keys: KeysById, fingerprint: str = "") -> None:
        self._keys = keys
        self.fingerprint = fingerprint

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Implement `KeySource.find`."""
        return select_key(self._keys, key_id)


class RemoteKeySet:
    """The key set at an issuer's URL, fetched when it is first needed."""

    def __init__(self, url: str, algorithms: tuple[str, ...], now: Callable[[], float] = time.monotonic) -> None:
        self._url = self.fingerprint = url
        self._algorithms = algorithms
        self._now = now
        self._keys: KeysById = {}
        self._fetched_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Implement `KeySource.find`."""
        key = select_key(self._keys, key_id)
        if self._is_due(REFRESH_INTERVAL if key is not None else MIN_FETCH_INTERVAL):
            # A shielded task of its own: clients that disconnect while they wait must neither cancel the fetch nor
            # start it again and again.
            self._fetching = self._fetching or asyncio.create_task(self._fetch(), name="jwks")
            await asyncio.shield(self._fetching)
            key = select_key(self._keys, key_id)
        if not self._keys:
            message = "The keys that verify tokens are not available at the moment: try again later."
            raise Refused(Code.SERVER_ERROR, message, status=503, retry_after_ms=round(MIN_FETCH_INTERVAL * 1000))
        return key

    def _is_due(self, interval: float) -> bool:
        return self._fetched_at is None or self._now() - self._fetched_at >= interval

    async def _fetch(self) -> None:
        """Fetch the key set; if that fails, log why and keep the current keys."""
        try:
            self._keys = parse_jwks(await _get(URL(self._url)), self._algorithms)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            url, reason = str(URL(self._url).with_query(None)), _describe(error)
            fields = log_fields("jwks_unavailable", url=url, reason=reason)
            logger.warning("the keys of %s are not available: %s", url, reason, extra=fields)
        finally:
            # Set only now: while the fetch runs it is still due, so that later callers wait for it.
            self._fetched_at, self._fetching = self._now(), None


async def _get(url: URL) -> bytes:
    """Fetch a body.

    Raises:
        aiohttp.ClientError: there is no response.
        TimeoutError: it took too long.
        ValueError: the status is not 200, or the body is too large.
    """
    client = HttpClient(aiohttp.ClientTimeout(total=FETCH_TIMEOUT))
    try:
        response = await client.request("GET", url, {"Accept": "application/json"})
        if response.status != 200:
            message = f"the response has status {response.status}"
            raise ValueError(message)
        return await _read(response)
    finally:
        await client.close()


def _describe(error: Exception) -> str:
    """Return what went wrong in our own words; the library's messages may quote what the issuer sent."""
    if isinstance(error, TimeoutError):
        return f"no response within {FETCH_TIMEOUT:g} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot connect"
    return "the response is not HTTP, or is incomplete" if isinstance(error, aiohttp.ClientError) else str(error)


async def _read(response: HttpResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            message = f"more than {MAX_BYTES} bytes"
            raise ValueError(message)
    return bytes(body)


def read_jwks_file(file: Path, algorithms: tuple[str, ...]) -> StaticKeySet:
    """Read a key set from a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it contains no keys for these algorithms.
    """
    with file.open("rb") as opened:
        body = opened.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        message = f"has more than {MAX_BYTES} bytes"
        raise ValueError(message)
    return StaticKeySet(parse_jwks(body, algorithms), hashlib.sha256(body).hexdigest())


def parse_jwks(body: bytes, algorithms: tuple[str, ...]) -> KeysById:
    """Parse a key set; keys that cannot verify signatures of these algorithms are ignored.

    Raises:
        ValueError: the body is not a key set, contains no usable key, or two keys that a token cannot distinguish.
    """
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        message = 'is not a key set: it must be JSON, {"keys": […]}'
        raise ValueError(message)
    keys: dict[str | None, jwt.PyJWK] = {}
    entry_by_id: dict[str | None, object] = {}
    for entry in entries:
        # A shared secret ("oct") does not belong here, and a key for encryption verifies no signature.
        if isinstance(entry, dict) and entry.get("kty") in PUBLIC_KEY_TYPES and entry.get("use", "sig") == "sig":
            key_id = entry.get("kid") if isinstance(entry.get("kid"), str) else None
            for key in _build_key(entry, algorithms):
                if entry_by_id.setdefault(key_id, entry) != entry:
                    which = "without a kid" if key_id is None else "with the same kid"
                    message = f"contains two keys {which}: a token names the key that it was signed with by its kid"
                    raise ValueError(message)
                keys[key_id] = key
    if not keys:
        message = f"contains no key for {', '.join(algorithms)}"
        raise ValueError(message)
    return keys


def _build_key(entry: Mapping[str, object], algorithms: tuple[str, ...]) -> list[jwt.PyJWK]:
    """Build a key for one algorithm: its own `alg`, or the first of ours that fits it. Empty if none does."""
    alg = entry.get("alg")
    for algorithm in algorithms if alg is None else [each for each in algorithms if each == alg]:
        try:
            key = jwt.PyJWK(dict(entry), algorithm)
            # `PyJWK` does not check that an EC key has the curve of the algorithm; `prepare_key` does.
            key.Algorithm.prepare_key(key.key)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return [key]
    return []


def select_key(keys: KeysById, key_id: str | None) -> jwt.PyJWK | None:
    """Return the key with this id; for a token without a key id, the only key. None if there is none."""
    if key_id is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(key_id)
