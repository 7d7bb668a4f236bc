"""Long inputs that make a parser slow if it goes over the same bytes again and again.

`python -m tests.fuzz.large NAME` gives a target some of 1 MB; it prints what it gives before it does.
"""

import sys
from collections.abc import Iterator
from typing import Final

from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target

SIZE: Final = 1_000_000
SHOWN: Final = 200
"""Bytes of an input that are printed."""

PIECES: Final = (
    *(b"a", b" ", b"0", b"\n", b"\r", b"\0", b"\xff", b"[", b"{", b'"', b"\\", b",", b":", b".", b"%", b"=", b"&"),
    *(b"a-", b"a.", b"a@", b"[:", b'{"a":', b"[[]", b'"a",', b"a:b\n", b"data:\n", b"data: a\n", b"\r\n", b"a b "),
)


def inputs(target: Target, size: int) -> Iterator[bytes]:
    """Give inputs of about so many bytes: a short piece again and again: itself, whole, cut, behind half a seed."""
    for piece in (*PIECES, *target.words):
        row = piece * (size // len(piece))
        yield row
        yield b"\0" + row
        yield b"\1" + row
        yield target.seeds[0][: len(target.seeds[0]) // 2] + row


def main() -> None:
    """Run one target with them."""
    target = TARGETS[sys.argv[1]]
    for data in inputs(target, SIZE):
        print(data[:SHOWN], flush=True)
        target.run(data)


if __name__ == "__main__":
    main()
