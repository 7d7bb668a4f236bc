"""Encode what is kept: orjson's own bytes keep the buffer that they were written into, 4 to 16 times as large. Pure."""

from typing import Final

import orjson

LARGE_BYTES: Final = 128 * 1024
"""Bytes from which nothing is copied: such a buffer is mapped by itself, and what was not written takes no memory."""


def encode_kept(value: object) -> bytes:
    """Return compact JSON that takes no more memory than its size; what is not kept, `orjson.dumps` encodes faster."""
    encoded = orjson.dumps(value)
    # Formatting copies, whereas `bytes` of bytes is the same object.
    return b"%b" % encoded if len(encoded) < LARGE_BYTES else encoded
