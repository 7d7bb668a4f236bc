"""API keys: generate, parse, hash and verify. Pure, except for the randomness of a new key."""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.admission.limits import NO_PRINCIPAL_LIMITS, PrincipalLimits
from gateway.security.principals import Principal, Role

PREFIX: Final = "ds_"
"""Prefix of every key: it distinguishes a key from a token, and lets secret scanners find a published key."""

KEY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_ID_LETTERS: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 8
_SECRET_BYTES: Final = 32
_KEY: Final = re.compile(rf"{PREFIX}([A-Za-z0-9]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")
_ID: Final = re.compile(rf"[A-Za-z0-9]{{{_ID_LENGTH}}}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it; only `text` reveals the secret."""

    id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """Return the key as clients send it: `ds_<id>_<secret>`."""
        return f"{PREFIX}{self.id}_{self.secret}"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the gateway stores it. Times are seconds since 1970; `models` is None if every model is allowed."""

    name: str
    id: str
    hash: str = field(repr=False)
    created: float | None = None
    expires: float | None = None
    models: frozenset[str] | None = None
    roles: frozenset[Role] = frozenset()
    limits: PrincipalLimits = NO_PRINCIPAL_LIMITS

    @property
    def credential(self) -> str:
        """Return an identifier of this very key; it changes if the secret is replaced under the same id."""
        return f"{self.id}:{self.hash}"

    def principal(self) -> Principal:
        """Return the principal that the key identifies."""
        return Principal(self.name, "key", self.models, self.roles, self.limits, self.credential, self.expires)


def generate_key() -> ApiKey:
    """Generate a random key."""
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    return ApiKey(key_id, secrets.token_urlsafe(_SECRET_BYTES))


def parse_key(text: str) -> ApiKey | None:
    """Parse a key; return None if the text is not one."""
    # A secret may contain underscores; an id may not, and has a fixed length. So the split is unambiguous.
    match = _KEY.fullmatch(text)
    return None if match is None else ApiKey(match[1], match[2])


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal."""
    # Slow hashes and salts protect passwords, which can be guessed. A secret of 256 random bits cannot be guessed at
    # any speed, and a slow hash would let anyone keep our processor busy with wrong keys.
    return hashlib.sha256(secret.encode()).hexdigest()


_UNKNOWN_KEY: Final = StoredKey("", "", hash_secret(""))
"""Stands in for a stored key if the id is unknown, so that the comparison takes place all the same."""


class ExpiredKeyError(Exception):
    """The key is correct, but has expired."""


def index_by_id(stored: Iterable[StoredKey]) -> dict[str, StoredKey]:
    """Return a mapping from the ids of keys to the keys."""
    return {key.id: key for key in stored}


def verify_key(text: str, stored: Mapping[str, StoredKey], unix: float) -> StoredKey | None:
    """Return the stored key that matches a text, or None.

    The time this takes reveals neither whether the id is known nor how much of the secret is correct.

    Raises:
        ExpiredKeyError: the key matches and has expired. Only the holder of the secret can learn this.
    """
    key = parse_key(text) or ApiKey("", "-")
    candidate = stored.get(key.id, _UNKNOWN_KEY)
    if not hmac.compare_digest(hash_secret(key.secret), candidate.hash) or candidate is _UNKNOWN_KEY:
        return None
    if candidate.expires is not None and candidate.expires <= unix:
        raise ExpiredKeyError
    return candidate


def parse_stored_key(text: str) -> StoredKey:
    """Parse `name:id:hash`, the form of a key in the environment variable.

    Raises:
        ValueError: it has another form; the message does not contain the text.
    """
    name, _, rest = text.partition(":")
    key_id, _, digest = rest.partition(":")
    check_name(name)
    check_id_and_hash(key_id, digest)
    return StoredKey(name, key_id, digest)


def check_name(name: str) -> None:
    """Check that a key may have this name.

    Raises:
        ValueError: it may not; the message does not contain the name, which may be a key in the wrong place.
    """
    if KEY_NAME.fullmatch(name) is None or parse_key(name) is not None:
        message = "the name of a key has letters, digits, '.', '_' and '-', at most 64, and is not itself a key"
        raise ValueError(message)


def check_id_and_hash(key_id: str, digest: str) -> None:
    """Check the form of an id and a hash.

    Raises:
        ValueError: one of them has another form; the message contains neither.
    """
    if _ID.fullmatch(key_id) is None:
        message = f"the id of a key must be {_ID_LENGTH} letters and digits, as in ds_<id>_<secret>"
        raise ValueError(message)
    if _HASH.fullmatch(digest) is None:
        message = "the hash of a key must be the SHA-256 of its secret, 64 lower-case hexadecimal digits"
        raise ValueError(message)


def check_unique(stored: Iterable[StoredKey]) -> None:
    """Check that no two keys share a name or an id.

    Raises:
        ValueError: two keys do.
    """
    seen: set[str] = set()
    for key in stored:
        for attribute in (f"name {key.name}", f"id {key.id}"):
            if attribute in seen:
                message = f"two keys have the {attribute}"
                raise ValueError(message)
            seen.add(attribute)
