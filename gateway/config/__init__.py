"""Everything that can be set: what it is, where it may be set, what is known of providers, what is wrong."""

from gateway.config.docs_tables import table
from gateway.config.load import (
    DEFAULT_FILE,
    FILE_VARIABLE,
    TOKEN_VARIABLE,
    find_file,
    keys_file,
    load,
    unknown_variables,
)
from gateway.config.settings import Settings, variable
from gateway.toml.problems import ConfigurationError

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
