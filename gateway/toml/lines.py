"""On which line of a TOML file a value begins. Pure.

Python's parser tells lines of syntax errors alone. But what a file says up to the end of a statement is a file too: so
the first lines that parse and have a value end with its statement, and the fewer lines that parse before end where it
begins. Within a statement of several lines the same is done with the brackets closed that are still open.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Final

from gateway.toml.problems import Path

_TOKENS: Final = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}"""  # strings of several lines
    r"""|(?P<open>"{3}|'{3}).*"""  # one that is cut
    r"""|"(?:\\.|[^"\\])*"|'[^']*'|\#[^\n]*|(?P<bracket>[][{}])""",
    re.DOTALL,
)
_CLOSING: Final = {"[": "]", "{": "}"}


class Lines:
    """The lines of a file that parses."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._parsed: dict[int, Mapping[str, object] | None] = {0: {}}

    def of(self, path: Path) -> int | None:
        """Give the line, from 1 on, of the value at a path, or of what is nearest above it; None if nothing is."""
        whole = self._longest(len(self._lines))
        while path and not _has(self._first(whole), path):
            path = path[:-1]
        return self._begin(path) if path else None

    def _begin(self, path: Path) -> int:
        low, high = 1, len(self._lines)
        while low < high:
            middle = (low + high) // 2
            if _has(self._first(self._longest(middle)), path):
                high = middle
            else:
                low = middle + 1
        begin = self._longest(low - 1) + 1
        return next((line for line in range(begin, low) if self._cut(begin, line, path)), low)

    def _cut(self, first: int, line: int, path: Path) -> bool:
        """Tell whether a value has begun by the end of a line within the statement that begins at another."""
        text = "\n".join(self._lines[:line])
        return _has(_parse(text + _closing("\n".join(self._lines[first - 1 : line]))), path)

    def _longest(self, count: int) -> int:
        """Give how many of so many lines end with a whole statement."""
        while self._first(count) is None:
            count -= 1
        return count

    def _first(self, count: int) -> Mapping[str, object] | None:
        if count not in self._parsed:
            self._parsed[count] = _parse("\n".join(self._lines[:count]))
        return self._parsed[count]


def _closing(statement: str) -> str:
    """Give what ends a statement that is cut at the end of a line."""
    string, brackets = "", []
    for token in _TOKENS.finditer(statement):
        string = token["open"] or ""
        if token["bracket"] in _CLOSING:
            brackets.append(_CLOSING[token["bracket"]])
        elif token["bracket"] and brackets:
            brackets.pop()
    # The line may end in a comment; not within an inline table, which is on one line.
    gap = "\n" if brackets and brackets[-1] == "]" and not string else ""
    return string + gap + "".join(reversed(brackets))


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
