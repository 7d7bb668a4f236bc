"""Distinguish new text from repetitions in a stream of OpenAI's Responses API. Pure.

The same text is streamed several times: as deltas, then complete in a `done` event, in its item, and in the response.
It counts where it comes first. A text that comes complete without deltas must not be taken for a repetition.
"""

from collections import Counter
from typing import NamedTuple, Self

from pydantic import JsonValue

from gateway.protocol.commands import JsonObject
from gateway.upstreams.formats.json_values import index_of


class TextKey(NamedTuple):
    """Where a text belongs. Servers do not agree on ids and indexes, so None stands for any.

    llama.cpp sends no index, litellm (#36375) one index for several items and a new id with each delta.
    """

    output: int | None
    item_id: str | None
    part: int | None

    @classmethod
    def of(cls, event: JsonObject) -> Self:
        """Return the key of an event with text."""
        part = event.get("content_index")
        part = event.get("summary_index") if part is None else part
        return cls(index_of(event.get("output_index")), _id(event.get("item_id")), index_of(part))

    @classmethod
    def of_item(cls, item: JsonObject, output_index: JsonValue) -> Self:
        """Return the key of all parts of an item."""
        return cls(index_of(output_index), _id(item.get("id")), None)

    def belongs_to(self, other: "TextKey") -> bool:
        """Return False only if this is certainly another item, or another part of it."""
        if self.output is not None and other.output is not None and self.output != other.output:
            return self.item_id is not None and self.item_id == other.item_id
        return self.part is None or other.part is None or self.part == other.part


class StreamedTexts:
    """The texts that have come, by their name; a part is what one text belongs to.

    `at_boundary`: the last text came complete, or its item did. Then even an event that looks like one before may begin
    another part, or repeat one.
    """

    def __init__(self) -> None:
        self.at_boundary = False
        self._streamed: dict[str, dict[tuple[int | None, int | None], TextKey]] = {}
        """Parts of which deltas have come, and their item has not yet, by their indexes: ids may change."""
        self._whole: dict[str, list[TextKey]] = {}
        """Parts that have come complete, in an event of their own, and their item has not yet."""
        self._delivered: Counter[str] = Counter()
        """Number of other parts that have come."""

    def __contains__(self, name: str) -> bool:
        return name in self._streamed or name in self._whole

    def add_delta(self, name: str, key: TextKey) -> None:
        """Record that a delta of a part has come."""
        self._streamed.setdefault(name, {}).setdefault((key.output, key.part), key)
        self.at_boundary = False

    def add_whole(self, name: str, key: TextKey) -> bool:
        """Record that a part has come complete; return False if it repeats deltas."""
        streamed = self._streamed.get(name, {})
        if (key.output, key.part) in streamed or any(map(key.belongs_to, streamed.values())):
            return False
        self._whole.setdefault(name, []).append(key)
        self.at_boundary = True
        return True

    def close_item(self, name: str, key: TextKey) -> int:
        """Forget the parts of an item that is complete; return how many of them have come."""
        streamed, whole = self._streamed.get(name, {}), self._whole.get(name, [])
        before = len(streamed) + len(whole)
        for indexes in [indexes for indexes, part in streamed.items() if part.belongs_to(key)]:
            del streamed[indexes]
        whole[:] = [part for part in whole if not part.belongs_to(key)]
        closed = before - len(streamed) - len(whole)
        self._delivered[name] += closed
        self.at_boundary = self.at_boundary or closed > 0
        return closed

    def deliver(self, name: str, count: int) -> None:
        """Record that parts have come complete in their item."""
        self._whole.setdefault(name, [])
        self._delivered[name] += count
        self.at_boundary = True

    def take_delivered(self, name: str, count: int) -> int:
        """Return how many of the next `count` parts of the whole response have come, and count them off."""
        known = self._delivered[name] + len(self._streamed.get(name, ())) + len(self._whole.get(name, ()))
        taken = min(known, count)
        self._delivered[name] -= taken
        return taken


def _id(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
