"""Base classes of the request bodies of all formats: validated JSON, and an error with the field that is not valid."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from gateway.simulator.errors import RequestError

NonEmpty = Annotated[str, Field(min_length=1)]


class RequestModel(BaseModel):
    """A part of a request body. Fields that the simulator does not use are ignored."""

    # A simulator is seldom asked in all formats: each is built by its first request.
    model_config = ConfigDict(frozen=True, defer_build=True)


class StrictRequestModel(RequestModel):
    """A part of a request body whose provider refuses unknown fields, such as an option of another provider.

    `ignored` names the fields that the provider accepts and the simulator does not use.
    """

    model_config = ConfigDict(extra="forbid")

    ignored: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _drop_ignored(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        # Google accepts its names in camel case and in snake case. The other providers' names have no capitals, so that
        # `to_camel` finds none of them by mistake.
        return {name: inner for name, inner in value.items() if not {name, to_camel(str(name))} & cls.ignored}


def field_names(line: str) -> frozenset[str]:
    """Return the names in a line, which are separated by spaces."""
    return frozenset(line.split())


AnyRequestModel = TypeVar("AnyRequestModel", bound=RequestModel)


def parse_body(model: type[AnyRequestModel], body: bytes) -> AnyRequestModel:
    """Parse and validate a request body.

    Raises:
        RequestError: 400, with the field that is not valid.

    """
    try:
        return model.model_validate_json(body)
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        raise RequestError(f"Send a body that is valid JSON ({first['msg']}).", code="invalid_json")
    path = ".".join(str(step) for step in first["loc"]) or "body"
    raise RequestError(f"Change '{path}': {first['msg']}.", param=str(first["loc"][0]) if first["loc"] else None)
