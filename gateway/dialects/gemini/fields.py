"""Read messages of Google's APIs in JSON, where a field's name may be in camelCase or in snake_case. Pure.

Source: protobuf.dev, "ProtoJSON Format", "Field names as JSON keys": parsers accept both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from gateway.dialects.fields import malformed
from gateway.protocol.commands import JsonObject


@dataclass(slots=True)
class Fields:
    """The fields of one message, under their names in camelCase; a field that is null is not set.

    `path` names the message in the request, such as `contents[0].parts[1]`; "" is the request itself.
    """

    path: str
    values: JsonObject
    taken: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, value: JsonValue, path: str) -> "Fields":
        """Return the fields of an object.

        Raises:
            Refused: the value is not an object.
        """
        if not isinstance(value, dict):
            raise malformed(path, "must be an object")
        return cls(path, {camel_case(name): each for name, each in value.items() if each is not None})

    def take(self, name: str) -> JsonValue:
        """Return the value of a field, or None."""
        self.taken.add(name)
        return self.values.get(name)

    def text(self, name: str) -> str:
        """Return a string, "" if the field is not set.

        Raises:
            Refused: it is something else.
        """
        value = self.take(name)
        if not isinstance(value, str | None):
            raise malformed(self.path_of(name), "must be a string")
        return value or ""

    def required(self, name: str) -> str:
        """Return a string that must be set.

        Raises:
            Refused: it is missing or empty, or something else.
        """
        text = self.text(name)
        if not text:
            raise malformed(self.path_of(name), "is missing")
        return text

    def message(self, name: str) -> "Fields | None":
        """Return the fields of a message in this one; None if it is not set.

        Raises:
            Refused: it is not an object.
        """
        value = self.take(name)
        return None if value is None else Fields.of(value, self.path_of(name))

    def messages(self, name: str) -> "Iterator[Fields]":
        """Yield the messages of a list. A single one may stand without its list, as Google's servers accept it.

        Raises:
            Refused: an item is not an object.
        """
        value, path = self.take(name), self.path_of(name)
        if isinstance(value, list):
            yield from (Fields.of(item, f"{path}[{at}]") for at, item in enumerate(value))
        elif value is not None:
            yield Fields.of(value, path)

    def path_of(self, name: str) -> str:
        """Return the path of a field in the request."""
        return f"{self.path}.{name}" if self.path else name

    def rest(self) -> list[str]:
        """Return the paths of the fields that have a value, and were not taken."""
        return [self.path_of(name) for name, value in self.values.items() if value and name not in self.taken]


def camel_case(name: str) -> str:
    """Return a name in camelCase."""
    first, *others = name.lstrip("_").split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)
