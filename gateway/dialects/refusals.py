"""Refuse fields of requests, in all dialects alike: a message begins with the path of its field. Pure."""

from collections.abc import Sequence
from typing import Final

from gateway.protocol.errors import Refused, invalid

_MAX_KIND: Final = 64
"""Maximum characters of a client's text that a message repeats."""


def malformed(path: str, problem: str) -> Refused:
    """Build the refusal of a field that no provider could read. `problem` says what it must be."""
    return invalid(f"{path}: {problem}.", param=path)


def named(path: str, kind: object) -> str:
    """Return the path of what has no counterpart in another API, with its type."""
    return f"{path} ({str(kind)[:_MAX_KIND]})"


def only_own_api(untranslated: Sequence[str]) -> str:
    """Return how a provider with another API is refused (`VerbatimRequest.only`); "" if it gets all that matters.

    `untranslated` are paths of what would change the answer and has no counterpart, some of them with a type (`named`).
    """
    if not untranslated:
        return ""
    path, space, kind = untranslated[0].partition(" ")
    return f"{path}: the provider of this model does not support it{space}{kind}: leave it out."
