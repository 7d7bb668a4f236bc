"""JSON Web Tokens (RFC 7519) of an issuer that the operator trusts, verified by PyJWT."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import jwt
from pydantic import SecretStr

from gateway.security.api_keys import hash_secret
from gateway.security.authenticator import expired_credential, invalid_credential
from gateway.security.principals import ROLES, Principal

LEEWAY_SECONDS: Final = 10
"""Tolerated difference between the issuer's clock and ours, in seconds."""

MAX_SUBJECT_LENGTH: Final = 256

Claims = dict[str, object]


class KeySource(Protocol):
    """Source of the keys that verify signatures."""

    @property
    def fingerprint(self) -> str:
        """Return an identifier of this source that does not reveal its secret."""
        ...

    async def find(self, key_id: str | None) -> "jwt.PyJWK | str | None":
        """Return the key with an id, or the only key if the id is None. None if there is none.

        Raises:
            Refused: the keys are not available at the moment.
        """
        ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The one secret of HS256, HS384 or HS512."""

    secret: SecretStr

    @property
    def fingerprint(self) -> str:
        """Implement `KeySource.fingerprint`."""
        return hash_secret(self.secret.get_secret_value())

    async def find(self, key_id: str | None) -> str:
        """Implement `KeySource.find`."""
        return self.secret.get_secret_value()


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a token must contain, and which claims hold the rights of its principal."""

    algorithms: Sequence[str]
    issuer: str | None = None
    audience: str | None = None
    models_claim: str = "models"
    roles_claim: str = "roles"


class JwtScheme:
    """Credential scheme of JSON Web Tokens."""

    def __init__(self, rules: JwtRules, keys: KeySource) -> None:
        self._rules = rules
        self._keys = keys
        self.credential = hash_secret(f"{rules}{keys.fingerprint}")
        """Identifies the rules and keys that verified a token: after a reload they may no longer be trusted."""

    async def authenticate(self, credential: str, unix: float) -> Principal | None:
        """Implement `CredentialScheme.authenticate`."""
        if credential.count(".") != 2:
            return None
        try:
            key_id = jwt.get_unverified_header(credential).get("kid")
            key = await self._keys.find(key_id if isinstance(key_id, str) else None)
            if key is None:
                return None
            return self._principal(self._verified_claims(credential, key))
        except jwt.ExpiredSignatureError:
            # PyJWT verifies the signature before `exp`: only the holder of a genuine token learns that it has expired.
            raise expired_credential() from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The JSON of an unverified token may contain any number, and be nested to any depth.
            raise invalid_credential() from None

    def renew(self, principal: Principal) -> Principal | None:
        """Implement `CredentialScheme.renew`. The issuer does not notify us of tokens revoked before they expire."""
        return principal if principal.source == "token" and principal.credential == self.credential else None

    def _verified_claims(self, token: str, key: jwt.PyJWK | str) -> Claims:
        rules = self._rules
        claims: Claims = jwt.decode(
            token,
            key,
            # Ours, never the token's `alg`: a token could choose `none`, or use a public key as a shared secret
            # (RFC 8725, 2.1 and 3.1).
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
        subject, exp = claims["sub"], claims["exp"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
            raise invalid_credential()
        # PyJWT also accepts an `exp` that is a string of digits.
        expires = float(exp) + LEEWAY_SECONDS if isinstance(exp, int | float | str) else None
        models = _string_set(claims, self._rules.models_claim)
        claimed = _string_set(claims, self._rules.roles_claim) or frozenset()
        roles = frozenset(role for role in ROLES if role in claimed)
        return Principal(subject, "token", models, roles, credential=self.credential, expires=expires)


def _string_set(claims: Claims, name: str) -> frozenset[str] | None:
    """Return a claim that is a list of strings, or one string separated by spaces (RFC 8693, 4.2). None if absent.

    Raises:
        Refused: `auth_error`: it has another form. So does null: an issuer that means "no models" must not be read as
            "all models".
    """
    if name not in claims:
        return None
    claim = claims[name]
    values: object = claim.split() if isinstance(claim, str) else claim
    if not isinstance(values, list):
        raise invalid_credential()
    strings = frozenset(value for value in values if isinstance(value, str))
    if any(not isinstance(value, str) for value in values):
        raise invalid_credential()
    return strings
