"""Divide text between graphemes, so that no emoji and no letter with combining marks is split."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final


def _extending_class() -> str:
    """Return the characters that extend the one before them, as the content of a regular expression's class.

    Close to Grapheme_Extend and SpacingMark of Unicode's annex 29: all marks (outside of plane 14 the last one is below
    1F000), medial and final Hangul letters, skin tones, tags and variation selectors.
    """
    marks = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
    return marks + "\u200c\u1160-\u11ff\ud7b0-\ud7ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"


# All groups are atomic or possessive: backtracking would split a grapheme that was matched.
_EXTEND: Final = f"[{_extending_class()}]*+"
_FLAG: Final = "[\U0001f1e6-\U0001f1ff]{2}"
_GRAPHEME: Final = rf"(?>\r\n|(?:{_FLAG}|.){_EXTEND}(?:\u200d(?:[^\s\u200d]{_EXTEND})?)*+)"

_GRAPHEME_PATTERN: Final = re.compile(_GRAPHEME, re.DOTALL)

# Four to seven graphemes up to a space, as tokens begin with the space before a word; a longer word is split in fives.
# ASCII, where each character is a grapheme, is tried first: it is several times as fast.
_PIECE_PATTERN: Final = re.compile(
    r"[ -~]{4,7}?(?=[ \n]|\Z)|[ -~]{5}(?=[ -~])"
    rf"|(?:{_GRAPHEME}){{4,7}}?(?=\s|\Z)|(?:{_GRAPHEME}){{5}}|(?:{_GRAPHEME}){{1,4}}",
    re.DOTALL,
)


def graphemes(text: str) -> Iterator[str]:
    """Return an iterator over the graphemes, which a reader sees as single characters."""
    return (found.group() for found in _GRAPHEME_PATTERN.finditer(text))


def truncate(text: str, length: int) -> str:
    """Return the longest prefix of whole graphemes with at most `length` code points."""
    if length >= len(text):
        return text
    # A space always begins a grapheme, so that only the last word needs to be divided.
    end = max(text.rfind(" ", 0, max(length, 0)), 0)
    for found in _GRAPHEME_PATTERN.finditer(text, end):
        if found.end() > length:
            break
        end = found.end()
    return text[:end]


def pieces(text: str, size: int | None = None) -> Iterator[str]:
    """Return an iterator over chunks of a text: pieces of words, or `size` code points (which may split graphemes)."""
    if size is not None:
        return (text[start : start + size] for start in range(0, len(text), size))
    return (found.group() for found in _PIECE_PATTERN.finditer(text))
