"""Merge the deltas of a chat completion into one message, with all fields that a provider adds. Pure."""

from typing import Final

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject

_WHOLE: Final = frozenset({"id", "type", "role", "name", "format", "object", "media_type", "url"})
"""Fields whose text comes whole, and perhaps again with each delta."""


class MergedObject:
    """The sum of some objects: texts and lists are continued, objects are merged, and anything else is replaced."""

    def __init__(self) -> None:
        self._values: JsonObject = {}
        self._texts: dict[str, list[str]] = {}
        """Pieces of texts, joined once: an answer may come in a hundred thousand."""
        self._objects: dict[str, MergedObject] = {}
        self._lists: dict[str, MergedList] = {}

    def add(self, delta: JsonObject) -> None:
        """Add an object."""
        for name, value in delta.items():
            if isinstance(value, str) and name not in _WHOLE:
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, dict):
                self._objects.setdefault(name, MergedObject()).add(value)
            elif isinstance(value, list):
                self._lists.setdefault(name, MergedList()).add(value)
            elif value or name not in self._values:
                self._values[name] = value

    def value(self) -> JsonObject:
        """Return the sum, with its fields in the order of their kinds."""
        texts: JsonObject = {name: "".join(pieces) for name, pieces in self._texts.items()}
        objects: JsonObject = {name: merged.value() for name, merged in self._objects.items()}
        lists: JsonObject = {name: merged.value() for name, merged in self._lists.items()}
        return {**self._values, **texts, **objects, **lists}


class MergedList:
    """The sum of some lists: objects with the same `index` are merged, and all other items follow each other."""

    def __init__(self) -> None:
        self._items: list[JsonValue | MergedObject] = []
        self._by_index: dict[int, MergedObject] = {}

    def add(self, items: list[JsonValue]) -> None:
        """Add a list."""
        for item in items:
            index = item.get("index") if isinstance(item, dict) else None
            if not (isinstance(item, dict) and isinstance(index, int)):
                self._items.append(item)
                continue
            if index not in self._by_index:
                self._by_index[index] = MergedObject()
                self._items.append(self._by_index[index])
            self._by_index[index].add(item)

    def value(self) -> list[JsonValue]:
        """Return the sum."""
        return [item.value() if isinstance(item, MergedObject) else item for item in self._items]
