"""Stamps in a text: the time at which each chunk was sent, for measurements of what delivers it. Pure.

A stamp is `@` + 19 digits + `@`: nanoseconds of CLOCK_MONOTONIC, which all processes of one machine share.
"""

import re
from typing import Final

PLACEHOLDER: Final = f"@{0:019}@"
"""What a chunk contains until it is sent. No format escapes it."""

_STAMP: Final = re.compile(r"@(\d{19})@", re.ASCII)


def fill(data: bytes | bytearray, now_ns: int) -> bytes:
    """Return encoded chunks with the time in the place of their placeholders."""
    return bytes(data).replace(PLACEHOLDER.encode(), b"@%019d@" % now_ns)


def read_stamps(text: str) -> list[int]:
    """Return the times in a text, in nanoseconds."""
    return [int(digits) for digits in _STAMP.findall(text)]
