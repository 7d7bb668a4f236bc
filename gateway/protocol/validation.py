"""Validation of decoded JSON as one kind of body. What is invalid is refused: the message names the field to change."""

import re
from collections.abc import Mapping, Set
from typing import ClassVar, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.protocol.errors import Refused, invalid

JsonObject = dict[str, JsonValue]

MAX_NAME_LENGTH: Final = 128
"""Maximum characters of a client's name or value that are repeated in a message."""

MAX_INTEGER: Final = 2**63 - 1
"""Largest integer that can be passed on to every provider (64 bits, signed)."""

Body = TypeVar("Body", bound=BaseModel)
Strict = TypeVar("Strict", bound="StrictModel")
_KEY: Final = "[key]"
_UNION_MEMBER: Final = re.compile(r"(constrained-)?(str|int)$|(constrained-)?list\[|dict\[")


def _integral_float_to_int(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


JSON_INTEGER: Final = BeforeValidator(_integral_float_to_int)
"""Validator for an integer as JSON defines it: JSON has one number type, so 2.0 is the integer 2."""


class StrictModel(BaseModel):
    """Base of bodies that accept only the declared fields, without type conversion."""

    # A gateway never sees most kinds of bodies: each is built by its first use, in less than a millisecond.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    advice: ClassVar[Mapping[str, str]] = {}
    """What to do in place of a field, or of its value, by the names of fields that are refused."""

    def updated(self, **changes: object) -> Self:
        """Return a copy with other values: `model_copy` in fewer steps, for models without private attributes."""
        return self._copy(type(self), self.__dict__ | changes, self.__pydantic_fields_set__ | changes.keys())

    def as_base(self, base: type[Strict]) -> Strict:
        """Return the fields of a base class alone, as its instance. They are valid, and not validated once more."""
        values = {name: value for name, value in self.__dict__.items() if name in base.__pydantic_fields__}
        return self._copy(base, values, self.__pydantic_fields_set__ & values.keys())

    def _copy(self, kind: type[Strict], values: Mapping[str, object], given: Set[str]) -> Strict:
        copied = object.__new__(kind)
        assign = object.__setattr__
        assign(copied, "__dict__", values)
        assign(copied, "__pydantic_fields_set__", given)
        assign(copied, "__pydantic_extra__", self.__pydantic_extra__)
        assign(copied, "__pydantic_private__", None)
        return copied

    @classmethod
    def known_fields(cls) -> str:
        """Return the names of the fields, as a refusal of an unknown one lists them."""
        return ", ".join(cls.model_fields)


def problem_at(path: tuple[str | int, ...], problem: str) -> PydanticCustomError:
    """Build the error of a part of a body, for a validator of the whole body. `path` begins at that body."""
    return PydanticCustomError("problem_at", "{problem}", {"problem": problem, "path": path})


def parse(kind: type[Body], value: object) -> Body:
    """Validate a decoded JSON value as one kind of body.

    Raises:
        Refused: The value is invalid. The message names the first invalid field and counts the others.
    """
    if not isinstance(value, dict):
        message = f"The body must be a JSON object, not {_json_type(value)}."
        raise invalid(message)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _refusal(error, kind) from None


def _refusal(error: ValidationError, kind: type[BaseModel]) -> Refused:
    details = error.errors(include_url=False)
    # A misplaced field explains itself, and what is missing because of it.
    first = next((detail for detail in details if _advice(detail, kind)), None) or _most_specific(details)
    path, problem = _format_path(_location(first)), _describe(first, kind)
    # The other members of a union report the same field, or the one that it is in.
    others = sum(not path.startswith(_format_path(_location(detail))) for detail in details)
    more = f" ({others} more)" if others else ""
    return invalid(f"{path}: {problem}{more}" if path else f"{problem}{more}", param=path or None)


def _describe(detail: ErrorDetails, kind: type[BaseModel]) -> str:
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    problem = detail["msg"].removeprefix("Value error, ").replace(" after validation", "")
    if advice := _advice(detail, kind):
        return advice
    if detail["type"] == "extra_forbidden":
        return f"unknown field; known are: {_model_of(detail, kind).known_fields()}"
    if detail["type"] == "missing":
        return "is missing"
    return f"the name of an entry: {problem}" if name == _KEY else problem


def _advice(detail: ErrorDetails, kind: type[BaseModel]) -> str | None:
    location = detail["loc"]
    if not location or detail["type"] == "missing":
        return None
    return _model_of(detail, kind).advice.get(str(location[-1]))


def _model_of(detail: ErrorDetails, kind: type[BaseModel]) -> type[StrictModel]:
    """Return the class of the object that a field is in, if that class is strict."""
    found = kind
    for part in detail["loc"][:-1]:
        field = found.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return StrictModel
        found = field.annotation
    return found if issubclass(found, StrictModel) else StrictModel


def _location(detail: ErrorDetails) -> tuple[int | str, ...]:
    return (*detail["loc"], *detail["ctx"]["path"]) if detail["type"] == "problem_at" else detail["loc"]


def _most_specific(details: list[ErrorDetails]) -> ErrorDetails:
    """Return the error to report: the first field's, and for a union that of the member with the value's type.

    A union reports one error per member. All but one of them only say that the value has another type.
    """
    path = _format_path(details[0]["loc"])
    same_field = (detail for detail in details if _format_path(detail["loc"]).startswith(path))
    return next((detail for detail in same_field if not detail["type"].endswith("_type")), details[0])


def _format_path(location: tuple[int | str, ...]) -> str:
    """Format the location of a field as in code: `messages[0].content`."""
    # pydantic adds a union member's type ("content.str") and a mark for keys of a dictionary: not part of the body.
    parts = [part for part in location if isinstance(part, int) or not (part == _KEY or _UNION_MEMBER.match(part))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:MAX_NAME_LENGTH]}" for part in parts).lstrip(".")


def _json_type(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
