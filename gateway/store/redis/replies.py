"""The replies of Redis as they come (RESP2), and checks of their types. Pure."""

from collections.abc import Sequence
from typing import TypeAlias

from gateway.store.errors import StoreError

Argument = bytes | str | int | float
"""What a command consists of."""

Reply: TypeAlias = "bytes | int | list[Reply] | None"
"""A reply: a string, a number, an array, or nil."""


def as_int(reply: Reply) -> int:
    """Return a number, which also may come as its digits.

    Raises:
        StoreError: it is none.
    """
    if isinstance(reply, int):
        return reply
    if isinstance(reply, bytes) and reply.lstrip(b"-").isdigit():
        return int(reply)
    raise _unexpected("a number", reply)


def as_bytes(reply: Reply) -> bytes:
    """Return a string.

    Raises:
        StoreError: it is none.
    """
    if isinstance(reply, bytes):
        return reply
    raise _unexpected("a string", reply)


def as_text(reply: Reply) -> str:
    """Return a string, decoded.

    Raises:
        StoreError: it is none.
    """
    return as_bytes(reply).decode("utf-8", "replace")


def as_list(reply: Reply) -> Sequence[Reply]:
    """Return an array; nil is an empty one.

    Raises:
        StoreError: it is none.
    """
    if isinstance(reply, list):
        return reply
    if reply is None:
        return ()
    raise _unexpected("an array", reply)


def _unexpected(expected: str, reply: Reply) -> StoreError:
    return StoreError("refused", f"Redis answered with {type(reply).__name__} where {expected} was expected")
