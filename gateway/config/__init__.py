"""The settings: their names and meaning, the sources they are loaded from, the presets of providers, and all checks."""

from gateway.config.files import DEFAULT_FILE, FILE_VARIABLE, find_file, find_keys_file
from gateway.config.load import load, unknown_variables
from gateway.config.settings import Settings, variable_name
from gateway.toml.problems import ConfigurationError

__all__ = [
    "DEFAULT_FILE",
    "FILE_VARIABLE",
    "ConfigurationError",
    "Settings",
    "find_file",
    "find_keys_file",
    "load",
    "unknown_variables",
    "variable_name",
]
