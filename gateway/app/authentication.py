"""Build the credential schemes that a configuration describes."""

from collections.abc import Sequence

from gateway.config.settings import Settings
from gateway.config.validate import check_prices
from gateway.security.api_keys import StoredKey, check_unique, parse_stored_key
from gateway.security.authenticator import ApiKeyScheme, CredentialScheme
from gateway.security.key_file import read_keys
from gateway.toml.problems import ConfigurationError, format_path


def credential_schemes(settings: Settings, previous: Sequence[CredentialScheme] = ()) -> Sequence[CredentialScheme]:
    """Build the schemes; without any, the gateway accepts anonymous clients.

    A JWT scheme in `previous` with the same configuration is reused, together with the issuer's keys that it fetched.

    Raises:
        ConfigurationError: a file of keys cannot be read, or its content is wrong.
    """
    schemes: list[CredentialScheme] = []
    if settings.keys or settings.keys_file is not None:
        former = find_api_keys(previous)
        schemes.append(ApiKeyScheme(read_stored_keys(settings), None if former is None else former.last_used))
    if settings.jwt is not None:
        # Imported only here: PyJWT and cryptography take longer to load than all of the schemes.
        from gateway.app.jwt_authentication import build_jwt_scheme  # noqa: PLC0415

        schemes.append(build_jwt_scheme(settings.jwt, previous))
    return schemes


def find_api_keys(schemes: Sequence[CredentialScheme]) -> ApiKeyScheme | None:
    """Return the scheme of API keys; None if keys are not accepted."""
    return next((scheme for scheme in schemes if isinstance(scheme, ApiKeyScheme)), None)


def read_stored_keys(settings: Settings) -> Sequence[StoredKey]:
    """Return the keys of the settings and of the file.

    Raises:
        ConfigurationError: the file cannot be read, a name or id is in both, or a key's budget needs missing prices.
    """
    in_file = [] if settings.keys_file is None else read_keys(settings.keys_file)
    return check_stored_keys(settings, in_file)


def check_stored_keys(settings: Settings, in_file: Sequence[StoredKey]) -> Sequence[StoredKey]:
    """Return the keys of the settings and these of a file.

    Raises:
        ConfigurationError: a name or id is in both, or a key's budget needs missing prices.
    """
    keys = [*(parse_stored_key(key.get_secret_value()) for key in settings.keys), *in_file]
    try:
        check_unique(keys)
    except ValueError as error:
        message = f"keys: {error}, one in this setting and one in {settings.keys_file}"
        raise ConfigurationError(message) from None
    limited = next((key.name for key in keys if key.limits.budget_per_day), None)
    if limited is not None and (problem := next(check_prices(settings), None)) is not None:
        message = f"{settings.keys_file}: keys.{limited}.budget_per_day: needs prices: {format_path(problem.path)}: "
        raise ConfigurationError(message + problem.message)
    return keys
