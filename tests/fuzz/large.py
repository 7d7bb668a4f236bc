"""Large inputs, which reveal parsers whose time is not linear in the size of the input.

`python -m tests.fuzz.large NAME` runs a target with inputs of 1 MB, and prints the start of each before it runs it.
"""

import sys
from collections.abc import Iterator
from typing import Final

from tests.fuzz.table import TARGETS
from tests.fuzz.target import Target

SIZE: Final = 1_000_000
SHOWN: Final = 200
"""Bytes printed of each input."""

PIECES: Final = (
    *(b"a", b" ", b"0", b"\n", b"\r", b"\0", b"\xff", b"[", b"{", b'"', b"\\", b",", b":", b".", b"%", b"=", b"&"),
    *(b"a-", b"a.", b"a@", b"[:", b'{"a":', b"[[]", b'"a",', b"a:b\n", b"data:\n", b"data: a\n", b"\r\n", b"a b "),
)


def inputs(target: Target, size: int) -> Iterator[bytes]:
    """Yield inputs of about `size` bytes that repeat one short piece.

    Each is yielded as it is, as an unsplit and as a split stream (see `target.split`), and after half a seed.
    """
    for piece in (*PIECES, *target.dictionary):
        repeated = piece * (size // len(piece))
        yield repeated
        yield b"\0" + repeated
        yield b"\1" + repeated
        yield target.seeds[0][: len(target.seeds[0]) // 2] + repeated


def main() -> None:
    """Run one target with all large inputs."""
    target = TARGETS[sys.argv[1]]
    for data in inputs(target, SIZE):
        print(data[:SHOWN], flush=True)
        target.run(data)


if __name__ == "__main__":
    main()
