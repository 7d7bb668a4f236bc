"""Problems of a configuration: each with the path of its setting, all reported in one error. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

Path = tuple[str | int, ...]
"""Location of a value in a file: keys of tables and indexes of arrays."""

MAX_SHOWN: Final = 20
"""Maximum number of problems in one error message. To find the line of one, the file is parsed several times."""


class ConfigurationError(Exception):
    """The configuration is invalid. The message names the settings, their lines, and what to change."""


_MESSAGES: Final = {
    "missing": "is missing",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be a string in quotes",
}
"""Messages for types of errors whose own message uses Python's terms ("valid dictionary", "Field required")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the setting at a path. The path need not exist, for example if a key is missing."""

    path: Path
    message: str


def format_path(path: Path) -> str:
    """Format a path with TOML's keys: `models."gpt-4.1".upstreams[0].weight`."""
    parts = [
        f"[{part}]"
        if isinstance(part, int)
        else "." + (part if re.fullmatch(r"[\w-]+", part, re.ASCII) else _quoted(part))
        for part in path
    ]
    return "".join(parts).removeprefix(".")


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in escaped) + '"'


def unknown_setting(name: str, known: Sequence[str]) -> str:
    """Return the message for an unknown key, with the closest known one if there is any."""
    near = get_close_matches(name, known, 1)
    return f"unknown setting: did you mean {near[0]}?" if near else f"unknown setting; known are: {', '.join(known)}"


def describe(kind: str, message: str) -> str:
    """Return the message for a type of error of pydantic, in the terms of a TOML file."""
    return _MESSAGES.get(kind) or reword(message)


def reword(message: str) -> str:
    """Return a message of pydantic ("Input should be …") in the form of the other messages ("must be …")."""
    message = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return message.replace("should", "must", 1)


def as_error(messages: Sequence[str], count: int) -> ConfigurationError:
    """Build the error that lists the messages of the first problems, of which there are `count`."""
    more = [f"and {count - len(messages)} more"] if count > len(messages) else []
    return ConfigurationError("\n".join([*messages, *more]))
