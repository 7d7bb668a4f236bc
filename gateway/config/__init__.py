"""Everything that can be set: what it is, where it may be set, what is known of providers, what is wrong."""

from gateway.config.file import DEFAULT_FILE, FILE_VARIABLE, find_file
from gateway.config.loading import TOKEN_VARIABLE, keys_file, load, unknown_variables
from gateway.config.pages import table
from gateway.config.problems import ConfigurationError
from gateway.config.settings import Settings, variable

__all__ = [
    "DEFAULT_FILE",
    "FILE_VARIABLE",
    "TOKEN_VARIABLE",
    "ConfigurationError",
    "Settings",
    "find_file",
    "keys_file",
    "load",
    "table",
    "unknown_variables",
    "variable",
]
