"""Paths of the configuration file and of the files that it names."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from gateway.config.settings import VARIABLE_PREFIX, Settings, variable_name
from gateway.toml.document import read

FILE_VARIABLE: Final = f"{VARIABLE_PREFIX}CONFIG"
"""Environment variable that names the configuration file."""

DEFAULT_FILE: Final = Path("dualstream.toml")
"""Configuration file that is used if it exists and no other is named."""


def find_file(option: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the file of the option, else that of `DUALSTREAM_CONFIG`, else `./dualstream.toml` if it exists."""
    if option is not None:
        return option
    variable = environment.get(FILE_VARIABLE)
    if variable:
        return Path(variable)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def find_keys_file(environment: Mapping[str, str], file: Path | None = None) -> Path | None:
    """Return the file of keys that a configuration names, even if other settings in it are wrong.

    Raises:
        ConfigurationError: the configuration file cannot be read.
    """
    variable = environment.get(variable_name("keys_file"))
    if variable:
        return Path(variable)
    keys_file = read(file).values.get("keys_file")
    return (
        _relative_to(file, Path(keys_file)) if file is not None and isinstance(keys_file, str) and keys_file else None
    )


def resolve_paths(settings: Settings, file: Path | None, overridden: Collection[str]) -> Settings:
    """Resolve the paths in a configuration file relative to its folder.

    `overridden` are the settings that come from a variable or an option: their paths are relative to the working
    directory.
    """
    changes: dict[str, object] = {}
    if settings.keys_file is not None and "keys_file" not in overridden:
        changes["keys_file"] = _relative_to(file, settings.keys_file)
    if settings.jwt is not None and settings.jwt.jwks_file is not None:
        jwks_file = str(_relative_to(file, Path(settings.jwt.jwks_file)))
        changes["jwt"] = settings.jwt.model_copy(update={"jwks_file": jwks_file})
    return settings.model_copy(update=changes) if changes else settings


def _relative_to(file: Path | None, path: Path) -> Path:
    return path if file is None else file.parent / path
