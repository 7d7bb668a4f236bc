"""A request, independent of the wire format in which it was sent."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the conversation: its role, and its text without images and other media."""

    role: Role
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """Name of a tool, and the JSON schema of its parameters."""

    name: str
    parameters: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for one response; it has at least one turn.

    Instructions, which some formats send separately, are the first turn. The result of a tool is a turn of its own. So
    the same conversation is the same request in each format. `with_usage` is True if the request asks for usage.
    """

    model: str
    turns: tuple[Turn, ...]
    stream: bool = False
    with_usage: bool = True
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Function, ...] = ()


def join_texts(texts: list[str]) -> str:
    """Return the text of a turn whose text has several parts."""
    return " ".join(text for text in texts if text)
