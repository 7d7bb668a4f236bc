"""The doors of a configuration: whom it lets in."""

from collections.abc import Sequence
from pathlib import Path

from gateway.config.settings import Settings
from gateway.config.tables import JwtTable
from gateway.config.validate import unpriced
from gateway.security.api_keys import StoredKey, check_distinct, parse_stored
from gateway.security.authenticator import ApiKeyScheme, CredentialScheme
from gateway.security.jwks import FetchedKeys, read_file
from gateway.security.jwt_tokens import JwtRules, JwtScheme, KeySource, SharedSecret
from gateway.security.key_file import read_keys
from gateway.toml.problems import ConfigurationError


def credential_schemes(settings: Settings, before: Sequence[CredentialScheme] = ()) -> Sequence[CredentialScheme]:
    """Make the doors; none is an open gateway.

    A door for tokens that `before` has of the same configuration is taken over, with the issuer's keys that it fetched.

    Raises:
        ConfigurationError: a file of keys can't be read, or something in it is wrong.
    """
    made: list[CredentialScheme] = []
    if settings.keys or settings.keys_file is not None:
        made.append(ApiKeyScheme(_stored(settings)))
    if settings.jwt is not None:
        made.append(_jwt_scheme(settings.jwt, before))
    return made


def _stored(settings: Settings) -> Sequence[StoredKey]:
    """Give all keys, those of the file and those of the settings."""
    keys = [parse_stored(key.get_secret_value()) for key in settings.keys]
    if settings.keys_file is not None:
        keys += read_keys(settings.keys_file)
    try:
        check_distinct(keys)
    except ValueError as error:
        message = f"keys: {error}, one here and one in {settings.keys_file}"
        raise ConfigurationError(message) from None
    limited = next((key.name for key in keys if key.limits.budget_per_day), None)
    if limited is not None and (problem := next(unpriced(settings), None)) is not None:
        message = (
            f"{settings.keys_file}: keys.{limited}.budget_per_day: needs prices: {'.'.join(map(str, problem.path))}: "
        )
        raise ConfigurationError(message + problem.message)
    return keys


def _jwt_scheme(table: JwtTable, before: Sequence[CredentialScheme]) -> JwtScheme:
    rules = JwtRules(table.algorithms, table.issuer, table.audience, table.models_claim, table.roles_claim)
    made = JwtScheme(rules, _key_source(table))
    same = (scheme for scheme in before if isinstance(scheme, JwtScheme) and scheme.credential == made.credential)
    return next(same, made)


def _key_source(table: JwtTable) -> KeySource:
    if table.secret is not None:
        return SharedSecret(table.secret)
    if table.jwks_url is not None:
        return FetchedKeys(str(table.jwks_url), table.algorithms)
    file = Path(table.jwks_file or "")
    try:
        return read_file(file, table.algorithms)
    except OSError as error:
        message = f"jwt.jwks_file: {file}: can't be read: {error.strerror}"
    except ValueError as error:
        message = f"jwt.jwks_file: {file}: {error}"
    raise ConfigurationError(message)
