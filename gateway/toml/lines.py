"""Find the line of a TOML file on which a value begins. Pure.

Python's parser reports lines for syntax errors only. But a file that is truncated after a statement is valid TOML, too.
So the shortest valid prefix that contains a value ends with the value's statement, and the statement begins after the
next shorter valid prefix. Within a statement of several lines, the same search is done on prefixes whose open strings
and brackets are closed first.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Final

from gateway.toml.problems import Path

_TOKENS: Final = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}"""  # multi-line strings
    r"""|(?P<open>"{3}|'{3}).*"""  # a truncated one
    r"""|"(?:\\.|[^"\\])*"|'[^']*'|\#[^\n]*|(?P<bracket>[][{}])""",
    re.DOTALL,
)
_CLOSING: Final = {"[": "]", "{": "}"}


class Lines:
    """The lines of a valid TOML file."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._parsed: dict[int, Mapping[str, object] | None] = {0: {}}

    def line_of(self, path: Path) -> int | None:
        """Return the line (from 1) of the value at a path, or of its nearest existing parent; None if there is none."""
        complete = self._valid_count(len(self._lines))
        while path and not _has(self._parse_first(complete), path):
            path = path[:-1]
        return self._find_line(path) if path else None

    def _find_line(self, path: Path) -> int:
        # Binary search: the values of a prefix are a subset of those of a longer one.
        low, high = 1, len(self._lines)
        while low < high:
            middle = (low + high) // 2
            if _has(self._parse_first(self._valid_count(middle)), path):
                high = middle
            else:
                low = middle + 1
        first = self._valid_count(low - 1) + 1
        return next((line for line in range(first, low) if self._has_begun(first, line, path)), low)

    def _has_begun(self, first: int, line: int, path: Path) -> bool:
        """Return True if the value begins on or before `line`, in the statement that begins on line `first`."""
        text = "\n".join(self._lines[:line])
        return _has(_parse(text + _closing("\n".join(self._lines[first - 1 : line]))), path)

    def _valid_count(self, count: int) -> int:
        """Return the number of lines of the longest valid prefix of at most `count` lines."""
        while self._parse_first(count) is None:
            count -= 1
        return count

    def _parse_first(self, count: int) -> Mapping[str, object] | None:
        if count not in self._parsed:
            self._parsed[count] = _parse("\n".join(self._lines[:count]))
        return self._parsed[count]


def _closing(statement: str) -> str:
    """Return the text that completes a statement truncated at the end of a line: closing quotes and brackets."""
    string, brackets = "", []
    for token in _TOKENS.finditer(statement):
        string = token["open"] or ""
        if token["bracket"] in _CLOSING:
            brackets.append(_CLOSING[token["bracket"]])
        elif token["bracket"] and brackets:
            brackets.pop()
    # The line may end with a comment. Not within an inline table, though: it must not contain a line break.
    separator = "\n" if brackets and brackets[-1] == "]" and not string else ""
    return string + separator + "".join(reversed(brackets))


def _parse(text: str) -> Mapping[str, object] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _has(value: object, path: Path) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return False
            value = value[part]
        else:
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
    return True
