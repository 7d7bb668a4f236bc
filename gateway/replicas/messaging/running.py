"""The generations that run on all replicas, as they are listed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from pydantic import JsonValue, TypeAdapter

from gateway.generation.generation import Generation
from gateway.generation.state import State
from gateway.protocol.errors import invalid
from gateway.security.principals import Principal

MAX_LISTED: Final = 10_000
"""Number of generations that one gateway lists for another, the newest ones."""


@dataclass(frozen=True, slots=True)
class RunningGeneration:
    """A generation that has not ended."""

    id: str
    state: State
    model: str
    created: int

    @classmethod
    def of(cls, generation: Generation) -> "RunningGeneration":
        """Return what is listed of a generation."""
        return cls(generation.id, generation.state, generation.model, generation.created)


# The adapters are built when they are first needed: most gateways share no store.
@cache
def _rows_adapter() -> TypeAdapter[list[RunningGeneration]]:
    return TypeAdapter(list[RunningGeneration])


@cache
def _reader_adapter() -> TypeAdapter[Principal]:
    return TypeAdapter(Principal)


def newest_first(rows: Iterable[RunningGeneration]) -> list[RunningGeneration]:
    """Return rows of several gateways in one order."""
    return sorted(rows, key=lambda row: row.created, reverse=True)


def encode_rows(rows: Sequence[RunningGeneration]) -> Mapping[str, JsonValue]:
    """Return what a gateway answers that is asked for its generations."""
    return {"generations": _rows_adapter().dump_python([*rows[:MAX_LISTED]], mode="json")}


def decode_rows(answer: Mapping[str, JsonValue]) -> Sequence[RunningGeneration]:
    """Return the rows of an answer; of one that can't be read, none."""
    try:
        return _rows_adapter().validate_python(answer.get("generations"))
    except ValueError:
        return ()


def encode_reader(principal: Principal) -> Mapping[str, JsonValue]:
    """Return who asks, without what proved the identity."""
    return {"reader": _reader_adapter().dump_python(replace(principal, credential=""), mode="json")}


def decode_reader(arguments: Mapping[str, JsonValue]) -> Principal:
    """Return who asks.

    Raises:
        Refused: `invalid_request`: a gateway of another version asks.
    """
    try:
        return _reader_adapter().validate_python(arguments.get("reader"))
    except ValueError:
        message = "reader: is not known to this version."
        raise invalid(message, param="reader") from None
