"""What a fuzz target is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST = 8192
"""Bytes of one input."""

MOST_PIECES = 16
"""Of a stream that is cut: more of them show nothing new, and take long."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser that eats bytes from outside; whatever `run` raises is a finding.

    `holds` says in words what is checked. `seeds` are inputs to begin with, `words` what is worth putting into others.
    `fast` ones are run ten times as often. `program` is what has to be installed for it.
    """

    name: str
    eats: str
    holds: str
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()
    fast: bool = False
    program: str = ""


def cut(data: bytes) -> tuple[list[bytes], bytes]:
    """Read a stream and how it is cut: the first byte is the pieces' length, 0 for whole; give the pieces, too."""
    stream = data[1:]
    length = data[0] if data else 0
    if not length:
        return [stream], stream
    length = max(length, len(stream) // MOST_PIECES)
    return [stream[at : at + length] for at in range(0, len(stream), length)], stream


def deep(levels: int = 1010) -> bytes:
    """Nest a list so deep that it can just be parsed: orjson goes down 1024 levels, Python's recursion 1000."""
    return b"[" * levels + b"]" * levels


def digits(count: int = 4400) -> bytes:
    """Write a number of more digits than Python reads, which is 4300."""
    return b"9" * count


def text_of(data: bytes) -> str:
    """Read a header's value as the server does."""
    return data.decode("latin-1")
