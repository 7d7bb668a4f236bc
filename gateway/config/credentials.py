"""Secrets of the configuration: they come from environment variables that the file names, never from the file. Pure."""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import SecretStr

from gateway.config.checks import check_header_value, check_shared_secret
from gateway.config.providers import preset_name, resolve_provider
from gateway.config.settings import Settings
from gateway.config.tables import ProviderTable
from gateway.config.validate import upstream_path
from gateway.toml.problems import Path, Problem

_SECRET_KEYS: Final = frozenset(
    {"key", "api_key", "apikey", "api-key", "secret", "token", "password", "upstream_api_key", "store_password"}
)
"""Keys of a table under which an operator may expect to set a secret."""


def remove_secrets(values: Mapping[str, object]) -> tuple[dict[str, object], list[Problem]]:
    """Remove secrets from the tables of a file, so that no later message shows one; return a problem for each."""
    problems: list[Problem] = []

    def clean(value: object, path: Path) -> object:
        if isinstance(value, list):
            return [clean(entry, (*path, index)) for index, entry in enumerate(value)]
        if not isinstance(value, dict):
            return value
        # On the first level the keys are names that the operator chooses: an alias or provider may be called "token".
        is_checked = len(path) > 1 or path[0] == "jwt"
        secret_keys = [key for key in value if is_checked and key.lower() in _SECRET_KEYS]
        variable_key = "secret_variable" if path[0] == "jwt" else "key_variable"
        message = f"secrets are not allowed in the file: set an environment variable, and name it in {variable_key}"
        problems.extend(Problem((*path, key), message) for key in secret_keys)
        return {key: clean(entry, (*path, key)) for key, entry in value.items() if key not in secret_keys}

    return {key: clean(value, (key,)) for key, value in values.items()}, problems


def add_provider_keys(settings: Settings, environment: Mapping[str, str]) -> tuple[Settings, list[Problem]]:
    """Add the values of the key variables, and a table for each preset that models name without one."""
    tables: dict[str, ProviderTable] = {}
    problems: list[Problem] = []
    for name, path in _provider_paths(settings).items():
        tables[name] = settings.providers.get(name) or ProviderTable.model_construct()
        variable = resolve_provider(settings, name).key_variable
        if variable is None:
            continue
        key = environment.get(variable, "")
        try:
            tables[name] = tables[name].model_copy(update={"key": check_header_value(SecretStr(key))})
        except ValueError as error:
            problems.append(Problem(path, f"the value of {variable} {error}"))
        if not key:
            problems.append(Problem(path, f"the environment variable {variable} is not set: set it to the key"))
    return settings.model_copy(update={"providers": tables}), problems


def add_jwt_secret(
    settings: Settings, environment: Mapping[str, str], broken: Collection[Path]
) -> tuple[Settings, list[Problem]]:
    """Add the shared secret of tokens, unless `broken` contains the table `jwt`."""
    table = settings.jwt
    if table is None or not table.secret_variable or any(path[0] == "jwt" for path in broken):
        return settings, []
    variable, path = table.secret_variable, ("jwt", "secret_variable")
    if not environment.get(variable):
        return settings, [Problem(path, f"the environment variable {variable} is not set: set it to the secret")]
    try:
        secret = check_shared_secret(SecretStr(environment[variable]))
    except ValueError as error:
        return settings, [Problem(path, f"the value of {variable} {error}")]
    return settings.model_copy(update={"jwt": table.model_copy(update={"secret": secret})}), []


def _provider_paths(settings: Settings) -> dict[str, Path]:
    """Map the name of each provider to the path that is reported if its key is missing."""
    paths: dict[str, Path] = {name: ("providers", name, "key_variable") for name in settings.providers}
    for name, model in settings.models.items():
        for index, upstream in enumerate(model.all_upstreams):
            if preset_name(upstream.provider, None):
                paths.setdefault(upstream.provider, (*upstream_path(name, model, index), "provider"))
    return paths
