"""Decode events: JSON objects into the classes of gateway/protocol/events.py, checked field by field. Pure.

It reads the types of their fields from those classes. A validation library would take longer to import than everything
else in the Python client.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from types import NoneType, UnionType
from typing import Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from gateway.protocol.events import Event, Gap, Part, SignedReasoning

T = TypeVar("T")
Check = Callable[[object], object]
"""Returns a value as its field holds it; raises `_Invalid` if it has another type."""

_PART_FRAME: Final = {"type", "kind", "generation_id", "seq"}
_GAP_NAMES: Final[Mapping[str, str]] = {"from": "from_seq", "to": "to_seq"}


class InvalidEventError(ValueError):
    """An event of a known type has invalid fields."""


class _Invalid(Exception):
    """A value has the wrong type. `path` names its field, from the event down."""

    def __init__(self, expected: str, path: str = "") -> None:
        super().__init__(f"{path}: expected {expected}" if path else f"expected {expected}")
        self.expected = expected
        self.path = path

    def inside(self, name: str) -> "_Invalid":
        """Return the same error, seen from the object that has this field."""
        return _Invalid(self.expected, f"{name}.{self.path}" if self.path else name)


def decode(fields: Mapping[str, object]) -> Event | None:
    """Decode an event's JSON object into its class; return None for a type that only a newer gateway has.

    Fields that this version does not know are ignored.

    Raises:
        InvalidEventError: the type is known, but its fields are invalid.
    """
    kind = fields.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        return None
    if kind == Gap.type:
        fields = {_GAP_NAMES.get(name, name): value for name, value in fields.items()}
    elif kind == Part.type:
        fields = {"kind": fields.get("kind"), "fields": {name: fields[name] for name in fields.keys() - _PART_FRAME}}
    elif kind == SignedReasoning.type and fields.get("signature") is not None:
        read = _READ_SIGNED_REASONING
    try:
        return read(fields)
    except _Invalid as error:
        message = f"invalid {kind!r} event: {error}"
        raise InvalidEventError(message) from None


def _check_str(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _Invalid("a string")


def _check_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():  # JSON has one type of numbers
        return int(value)
    raise _Invalid("an integer")


def _check_float(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _Invalid("a number")


def _check_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _Invalid("true or false")


def _check_object(value: object) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise _Invalid("an object")


_SIMPLE: Final[Mapping[object, Check]] = {
    str: _check_str,
    int: _check_int,
    float: _check_float,
    bool: _check_bool,
}


def _check_of(kind: object) -> Check:
    """Return the check of a field's type."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if get_origin(kind) is Literal:
        return _one_of(get_args(kind))
    if isinstance(kind, UnionType):
        (other,) = (member for member in get_args(kind) if member is not NoneType)
        return _optional(_check_of(other))
    if isinstance(kind, type) and is_dataclass(kind):
        return _reader(kind)
    if get_origin(kind) is Mapping:
        return _check_object
    message = f"a field of an event has the type {kind}, which is not decoded"
    raise TypeError(message)


def _one_of(values: tuple[object, ...]) -> Check:
    def check(value: object) -> object:
        if isinstance(value, str) and value in values:
            return value
        raise _Invalid(f"one of {', '.join(map(str, values))}")

    return check


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _reader(kind: type[T]) -> Callable[[object], T]:
    """Return a function that builds a dataclass from a JSON object."""
    hints = get_type_hints(kind)
    checks = [(field.name, _check_of(hints[field.name]), _is_required(field)) for field in _fields_of(kind)]

    def read(value: object) -> T:
        given = _check_object(value)
        values: dict[str, object] = {}
        for name, check, required in checks:
            if name not in given:
                if required:
                    raise _Invalid("a value, but there is none", name)
                continue
            try:
                values[name] = check(given[name])
            except _Invalid as error:
                raise error.inside(name) from None
        return kind(**values)

    return read


def _fields_of(kind: type) -> tuple["Field[object]", ...]:
    return fields(kind)


def _is_required(field: "Field[object]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


_READERS: Final[Mapping[str, Callable[[object], Event]]] = {
    kind.type: _reader(kind) for kind in get_args(Event) if kind is not SignedReasoning
}
_READ_SIGNED_REASONING: Final = _reader(SignedReasoning)
