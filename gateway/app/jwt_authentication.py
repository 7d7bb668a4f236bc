"""Build the credential scheme for JSON Web Tokens that a configuration describes."""

from collections.abc import Sequence
from pathlib import Path

from gateway.config.tables import JwtTable
from gateway.security.authenticator import CredentialScheme
from gateway.security.jwks import RemoteKeySet, read_jwks_file
from gateway.security.jwt_tokens import JwtRules, JwtScheme, KeySource, SharedSecret
from gateway.toml.problems import ConfigurationError


def build_jwt_scheme(table: JwtTable, previous: Sequence[CredentialScheme]) -> JwtScheme:
    """Build the scheme; an equal one in `previous` is reused, together with the issuer's keys that it fetched.

    Raises:
        ConfigurationError: a file of keys cannot be read, or its content is wrong.
    """
    rules = JwtRules(table.algorithms, table.issuer, table.audience, table.models_claim, table.roles_claim)
    scheme = JwtScheme(rules, _build_key_source(table))
    same = (old for old in previous if isinstance(old, JwtScheme) and old.credential == scheme.credential)
    return next(same, scheme)


def _build_key_source(table: JwtTable) -> KeySource:
    """Return the source of verification keys; a file is read at once, an issuer's URL only when a token arrives.

    Raises:
        ConfigurationError: the file cannot be read, or its content is wrong.
    """
    if table.secret is not None:
        return SharedSecret(table.secret)
    if table.jwks_url is not None:
        return RemoteKeySet(str(table.jwks_url), table.algorithms)
    file = Path(table.jwks_file or "")
    try:
        return read_jwks_file(file, table.algorithms)
    except OSError as error:
        message = f"jwt.jwks_file: {file}: can't be read: {error.strerror}"
    except ValueError as error:
        message = f"jwt.jwks_file: {file}: {error}"
    raise ConfigurationError(message)
