"""Tokens: JSON Web Tokens (RFC 7519) of an issuer that the operator trusts, checked by PyJWT."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import jwt
from pydantic import SecretStr

from gateway.security.api_keys import hash_secret
from gateway.security.authenticator import expired_credential, invalid_credential
from gateway.security.principals import ROLES, Principal

LEEWAY_SECONDS: Final = 10
"""How far two clocks may differ."""

MAX_SUBJECT_LENGTH: Final = 256

Claims = dict[str, object]


class KeySource(Protocol):
    """Where the keys are that signatures are checked with."""

    @property
    def fingerprint(self) -> str:
        """Tell this source from another, without its secret."""
        ...

    async def find(self, key_id: str | None) -> "jwt.PyJWK | str | None":
        """Give the key of that id, or the only one; None if there is none.

        Raises:
            Refused: it can't be told now.
        """
        ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The one secret of HS256 and its like."""

    secret: SecretStr

    @property
    def fingerprint(self) -> str:
        """As `KeySource.fingerprint`."""
        return hash_secret(self.secret.get_secret_value())

    async def find(self, key_id: str | None) -> str:
        """As `KeySource.find`."""
        return self.secret.get_secret_value()


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a token must say, and where it says what its holder may do."""

    algorithms: Sequence[str]
    issuer: str | None = None
    audience: str | None = None
    models_claim: str = "models"
    roles_claim: str = "roles"


class JwtScheme:
    """Lets in who has a token."""

    def __init__(self, rules: JwtRules, keys: KeySource) -> None:
        self._rules = rules
        self._keys = keys
        self.credential = hash_secret(f"{rules}{keys.fingerprint}")
        """Tells what a token was checked with: after a reload that may be trusted no more."""

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """As `Door.authenticate`."""
        if credential.count(".") != 2:
            return None
        try:
            key_id = jwt.get_unverified_header(credential).get("kid")
            key = await self._keys.find(key_id if isinstance(key_id, str) else None)
            if key is None:
                return None
            return self._principal(self._claims(credential, key))
        except jwt.ExpiredSignatureError:
            # The signature is looked at before: who learns this has a token that was good.
            raise expired_credential() from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # What is JSON of a stranger's making may be nested as deep, and hold such numbers, as it likes.
            raise invalid_credential() from None

    def renew(self, principal: Principal) -> Principal | None:
        """As `Door.renew`; that a token is taken back before its time, nobody tells us."""
        return principal if principal.source == "token" and principal.credential == self.credential else None

    def _claims(self, token: str, key: jwt.PyJWK | str) -> Claims:
        rules = self._rules
        claims: Claims = jwt.decode(
            token,
            key,
            # Ours, never the token's own word: else it could ask for none, or for a public key as a shared secret.
            algorithms=list(rules.algorithms),
            issuer=rules.issuer,
            audience=rules.audience,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["exp", "sub", *(["iss"] if rules.issuer else []), *(["aud"] if rules.audience else [])],
                "verify_aud": rules.audience is not None,
                "enforce_minimum_key_length": True,
            },
        )
        return claims

    def _principal(self, claims: Claims) -> Principal:
        subject, until = claims["sub"], claims["exp"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
            raise invalid_credential()
        # PyJWT takes an `exp` that is a string of digits, too.
        expires = float(until) + LEEWAY_SECONDS if isinstance(until, int | float | str) else None
        models = _words(claims, self._rules.models_claim)
        roles = _words(claims, self._rules.roles_claim) or frozenset()
        known = frozenset(role for role in ROLES if role in roles)
        return Principal(subject, "token", models, known, credential=self.credential, expires=expires)


def _words(claims: Claims, name: str) -> frozenset[str] | None:
    """Read a claim that is a list of words, or one string with spaces between them (RFC 8693, 4.2); None if absent.

    Raises:
        Refused: `auth_error`: it is neither. A null too: an issuer that means nobody must not be read as anybody.
    """
    if name not in claims:
        return None
    claim = claims[name]
    parts: object = claim.split() if isinstance(claim, str) else claim
    if not isinstance(parts, list):
        raise invalid_credential()
    found = frozenset(part for part in parts if isinstance(part, str))
    if any(not isinstance(part, str) for part in parts):
        raise invalid_credential()
    return found
