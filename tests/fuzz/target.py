"""Definition of a fuzz target, and helpers to decode and build inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_BYTES = 8192
"""Maximum bytes of one input."""

MAX_PIECES = 16
"""Maximum pieces into which a stream is split: more of them find nothing new, and are slow."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser of untrusted bytes. Everything that `run` raises is a finding.

    `reads` and `checks` describe the input and the checked properties on the page. `seeds` are the initial inputs,
    `dictionary` has tokens to insert into others. A `fast` target is run ten times as often. `program` is the name of
    an executable that it needs.
    """

    name: str
    reads: str
    checks: str
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    dictionary: Sequence[bytes] = ()
    fast: bool = False
    program: str = ""


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Decode an input into a stream and its pieces: the first byte is the pieces' length, 0 for a single piece."""
    stream = data[1:]
    length = data[0] if data else 0
    if not length:
        return [stream], stream
    length = max(length, len(stream) // MAX_PIECES)
    return [stream[at : at + length] for at in range(0, len(stream), length)], stream


def nested_list(levels: int = 1010) -> bytes:
    """Build a nested JSON list that is still parsed: orjson's limit is 1024 levels, Python's recursion limit 1000."""
    return b"[" * levels + b"]" * levels


def digits(count: int = 4400) -> bytes:
    """Build a number with more digits than Python's `int` accepts (4300)."""
    return b"9" * count


def header_text(data: bytes) -> str:
    """Decode a header's value as the server does."""
    return data.decode("latin-1")
