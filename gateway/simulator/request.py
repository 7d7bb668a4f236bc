"""The one request that the script understands, whatever wire format it came in."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the conversation: who speaks, and the text without images and the like."""

    role: Role
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What a tool is called, and the JSON schema of what it takes."""

    name: str
    parameters: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for one answer; it has at least one turn.

    The instructions that some formats keep apart are the first turn, and what a tool gave back is a turn of its own, so
    that the same conversation is the same request in each format. `with_usage` tells whether usage is asked for.
    """

    model: str
    turns: tuple[Turn, ...]
    stream: bool = False
    with_usage: bool = True
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Function, ...] = ()


def joined(texts: list[str]) -> str:
    """Give the text of a turn that came in parts."""
    return " ".join(text for text in texts if text)
