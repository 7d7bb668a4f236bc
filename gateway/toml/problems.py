"""Problems of a configuration: each with the path of its setting, all reported in one error. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

Path = tuple[str | int, ...]
"""Location of a value in a file: keys of tables and indexes of arrays."""

MAX_SHOWN: Final = 20
"""Maximum number of problems in one error message."""


class ConfigurationError(Exception):
    """The configuration is invalid. The message names the settings, their lines, and what to change."""


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


def as_error(messages: Sequence[str]) -> ConfigurationError:
    """Build the error that lists the messages, the first `MAX_SHOWN` in full."""
    more = [f"and {len(messages) - MAX_SHOWN} more"] if len(messages) > MAX_SHOWN else []
    return ConfigurationError("\n".join([*messages[:MAX_SHOWN], *more]))
