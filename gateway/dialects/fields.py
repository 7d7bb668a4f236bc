"""Check fields of requests, and refuse them in one form: a message begins with the path of its field. Pure."""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.protocol.errors import Refused, invalid

_MAX_KIND: Final = 64
"""Maximum characters of a client's text that a message repeats."""


def malformed(path: str, problem: str) -> Refused:
    """Build the refusal of a field that no provider could read. `problem` says what it must be."""
    return invalid(f"{path}: {problem}.", param=path)


def objects_at(value: JsonValue, path: str) -> list[JsonObject]:
    """Return the objects of a list.

    Raises:
        Refused: it is none.
    """
    if not isinstance(value, list):
        raise malformed(path, "must be a list")
    objects: list[JsonObject] = []
    for at, item in enumerate(value):
        if not isinstance(item, dict):
            raise malformed(f"{path}[{at}]", "must be an object")
        objects.append(item)
    return objects


def text_at(value: JsonValue, path: str) -> str:
    """Return a text.

    Raises:
        Refused: it is none.
    """
    if not isinstance(value, str):
        raise malformed(path, "must be a string")
    return value


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
