"""How many items a client wants in one page of a list. Pure."""

from collections.abc import Mapping
from typing import Final

from gateway.protocol.errors import invalid

_MAX_DIGITS: Final = 9
"""Maximum length of a number: Python refuses to read one of thousands of digits."""


def page_size(query: Mapping[str, str], parameter: str, default: int, maximum: int) -> int:
    """Return the size of a page.

    Raises:
        Refused: the parameter is not a number from 1 to `maximum`.
    """
    text = query.get(parameter) or str(default)
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and 1 <= int(text) <= maximum:
        return int(text)
    message = f"{parameter}: must be a number from 1 to {maximum}."
    raise invalid(message, param=parameter)
