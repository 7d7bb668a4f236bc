"""Memory of large blocks: returned to the system when they are freed."""

import ctypes
import sys
from contextlib import suppress
from typing import Final

M_MMAP_THRESHOLD: Final = -3
"""Parameter of mallopt(3): blocks of this size and more are mapped one by one, and unmapped when they are freed."""

LARGE_BLOCK: Final = 1 << 20
"""Bytes: a few requests have blocks of this size, and no chunk of an answer has."""


def return_large_blocks() -> None:
    """Fix the size from which glibc maps blocks; does nothing with another C library.

    glibc raises it, up to 32 MiB, to the size of any mapped block that is freed. The heap then has holes of the size of
    large prompts, between blocks that stay: 32 prompts of 4 MiB took 900 MB, and 440 MB with a fixed size.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
