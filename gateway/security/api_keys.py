"""Keys: how they are made, spelled, hashed and recognised. Pure, but for the randomness of a new one."""

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
"""What every key begins with: it tells a key from a token, and lets scanners find one that was published."""

KEY_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_ID_LETTERS: Final = string.ascii_letters + string.digits
_ID_LENGTH: Final = 8
_SECRET_BYTES: Final = 32
_KEY: Final = re.compile(rf"{PREFIX}([A-Za-z0-9]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")
_ID: Final = re.compile(rf"[A-Za-z0-9]{{{_ID_LENGTH}}}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it; only `text()` shows it."""

    id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """Spell it: `ds_<id>_<secret>`."""
        return f"{PREFIX}{self.id}_{self.secret}"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as the gateway has it. Times in seconds since 1970; `models` None: any."""

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
        """Tell it from another, also from one whose secret is new under the same id."""
        return f"{self.id}:{self.hash}"

    def principal(self) -> Principal:
        """Give whose it is."""
        return Principal(self.name, "key", self.models, self.roles, self.limits, self.credential, self.expires)


def generate_key() -> ApiKey:
    """Make a new key."""
    identity = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    return ApiKey(identity, secrets.token_urlsafe(_SECRET_BYTES))


def parse_key(text: str) -> ApiKey | None:
    """Read a key; None if it is none."""
    # An id has no underscore, a secret may have some: where one ends and the other begins shows by the length.
    found = _KEY.fullmatch(text)
    return None if found is None else ApiKey(found[1], found[2])


def hash_secret(secret: str) -> str:
    """Hash a secret for keeping: SHA-256, in hexadecimal."""
    # Slow hashes and salts are against guessing what people choose. These are 256 random bits: nobody guesses one in
    # the age of the universe at any speed, and a slow hash would let anybody keep our processor busy.
    return hashlib.sha256(secret.encode()).hexdigest()


_NOBODY: Final = StoredKey("", "", hash_secret(""))
"""What a key with an unknown id is compared with."""


class ExpiredKeyError(Exception):
    """The key is right, and was good once."""


def index_by_id(stored: Iterable[StoredKey]) -> dict[str, StoredKey]:
    """Put keys where they are found by their ids."""
    return {key.id: key for key in stored}


def verify_key(text: str, stored: Mapping[str, StoredKey], unix: float) -> StoredKey | None:
    """Find the key that this is the text of; None if there is none.

    The time that it takes tells neither whether the id is known nor how much of the secret is right.

    Raises:
        ExpiredKeyError: it is one, and its time is over. Only who has the secret learns that.
    """
    given = parse_key(text) or ApiKey("", "-")
    known = stored.get(given.id, _NOBODY)
    if not hmac.compare_digest(hash_secret(given.secret), known.hash) or known is _NOBODY:
        return None
    if known.expires is not None and known.expires <= unix:
        raise ExpiredKeyError
    return known


def parse_stored_key(text: str) -> StoredKey:
    """Read `name:id:hash`, as the environment variable has it.

    Raises:
        ValueError: it is not that; the message does not show it.
    """
    name, _, rest = text.partition(":")
    identity, _, digest = rest.partition(":")
    check_name(name)
    check_id_and_hash(identity, digest)
    return StoredKey(name, identity, digest)


def check_name(name: str) -> None:
    """Look whether a key can be called that.

    Raises:
        ValueError: it can't; the message does not show it, since it may be a key.
    """
    if KEY_NAME.fullmatch(name) is None or parse_key(name) is not None:
        message = "the name of a key has letters, digits, '.', '_' and '-', at most 64, and is no key itself"
        raise ValueError(message)


def check_id_and_hash(identity: str, digest: str) -> None:
    """Look whether these are an id and a hash.

    Raises:
        ValueError: they are not; the message does not show them.
    """
    if _ID.fullmatch(identity) is None:
        message = f"the id of a key must be {_ID_LENGTH} letters and digits, as in ds_<id>_<secret>"
        raise ValueError(message)
    if _HASH.fullmatch(digest) is None:
        message = "the hash of a key must be the SHA-256 of its secret, 64 hexadecimal digits in small letters"
        raise ValueError(message)


def check_unique(stored: Iterable[StoredKey]) -> None:
    """Look whether keys can be told apart.

    Raises:
        ValueError: two have the same name or id.
    """
    seen: set[str] = set()
    for key in stored:
        for what in (f"name {key.name}", f"id {key.id}"):
            if what in seen:
                message = f"two keys have the {what}"
                raise ValueError(message)
            seen.add(what)
