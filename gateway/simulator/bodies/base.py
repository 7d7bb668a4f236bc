"""What the bodies of all wire formats have in common: JSON that is checked, and a refusal that names what is wrong."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from gateway.simulator.errors import RequestError

NonEmpty = Annotated[str, Field(min_length=1)]


class Body(BaseModel):
    """A part of a request; what the simulator does not heed is ignored."""

    model_config = ConfigDict(frozen=True)


class StrictBody(Body):
    """A part of a request whose provider refuses what it does not know, be it another provider's option.

    `accepted` names what the provider knows and the simulator does not heed.
    """

    model_config = ConfigDict(extra="forbid")

    accepted: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_the_accepted(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        # Google takes its names in camel case and in snake case; the names of the others have no capitals.
        return {name: inner for name, inner in value.items() if not {name, to_camel(str(name))} & cls.accepted}


def names(words: str) -> frozenset[str]:
    """Give names that stand in one line."""
    return frozenset(words.split())


AnyBody = TypeVar("AnyBody", bound=Body)


def checked(kind: type[AnyBody], body: bytes) -> AnyBody:
    """Read the body of a request.

    Raises:
        RequestError: 400, naming the field at fault.

    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise RequestError(f"Send a body that is valid JSON ({first['msg']}).", code="invalid_json")
    place = ".".join(str(step) for step in first["loc"]) or "body"
    raise RequestError(f"Change '{place}': {first['msg']}.", param=str(first["loc"][0]) if first["loc"] else None)
