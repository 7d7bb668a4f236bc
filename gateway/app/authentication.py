"""Build the credential schemes that a configuration describes."""

from collections.abc import Sequence
from pathlib import Path

from gateway.config.settings import Settings
from gateway.config.tables import JwtTable
from gateway.config.validate import check_prices
from gateway.security.api_keys import StoredKey, check_unique, parse_stored_key
from gateway.security.authenticator import ApiKeyScheme, CredentialScheme
from gateway.security.jwks import RemoteKeySet, read_jwks_file
from gateway.security.jwt_tokens import JwtRules, JwtScheme, KeySource, SharedSecret
from gateway.security.key_file import read_keys
from gateway.toml.problems import ConfigurationError


def credential_schemes(settings: Settings, previous: Sequence[CredentialScheme] = ()) -> Sequence[CredentialScheme]:
    """Build the schemes; without any, the gateway accepts anonymous clients.

    A JWT scheme in `previous` with the same configuration is reused, together with the issuer's keys that it fetched.

    Raises:
        ConfigurationError: a file of keys cannot be read, or its content is wrong.
    """
    schemes: list[CredentialScheme] = []
    if settings.keys or settings.keys_file is not None:
        schemes.append(ApiKeyScheme(_read_stored_keys(settings)))
    if settings.jwt is not None:
        schemes.append(_build_jwt_scheme(settings.jwt, previous))
    return schemes


def _read_stored_keys(settings: Settings) -> Sequence[StoredKey]:
    """Return the keys of the settings and of the file.

    Raises:
        ConfigurationError: the file cannot be read, a name or id is in both, or a key's budget needs missing prices.
    """
    keys = [parse_stored_key(key.get_secret_value()) for key in settings.keys]
    if settings.keys_file is not None:
        keys += read_keys(settings.keys_file)
    try:
        check_unique(keys)
    except ValueError as error:
        message = f"keys: {error}, one in this setting and one in {settings.keys_file}"
        raise ConfigurationError(message) from None
    limited = next((key.name for key in keys if key.limits.budget_per_day), None)
    if limited is not None and (problem := next(check_prices(settings), None)) is not None:
        message = (
            f"{settings.keys_file}: keys.{limited}.budget_per_day: needs prices: {'.'.join(map(str, problem.path))}: "
        )
        raise ConfigurationError(message + problem.message)
    return keys


def _build_jwt_scheme(table: JwtTable, previous: Sequence[CredentialScheme]) -> JwtScheme:
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
