"""What is wrong with a configuration: each problem by the path of its setting, all of them in one message. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

Path = tuple[str | int, ...]
"""Where in the file: keys of tables, indexes of arrays."""

MOST: Final = 20
"""Problems told at once."""


class ConfigurationError(Exception):
    """The configuration can't be used; the message says which settings are wrong, where, and what to change."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, at a path; the path need not be there, as when a key is missing."""

    path: Path
    message: str


def format_path(path: Path) -> str:
    """Spell a path as TOML would: `models."gpt-4.1".upstreams[0].weight`."""
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


def unknown(name: str, known: Sequence[str]) -> str:
    """Say that a key is not known, and which one may be meant."""
    near = get_close_matches(name, known, 1)
    return (
        f"not a setting we know: did you mean {near[0]}?"
        if near
        else f"not a setting we know; known are: {', '.join(known)}"
    )


def as_error(messages: Sequence[str]) -> ConfigurationError:
    """Make the error that tells them, the first `MOST` in full."""
    more = [f"and {len(messages) - MOST} more"] if len(messages) > MOST else []
    return ConfigurationError("\n".join([*messages[:MOST], *more]))
