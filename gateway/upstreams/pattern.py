"""Read text from events that are spelled like one before, without decoding what stands around it. Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from gateway.events import Chunk, Reasoning, Text

Part = TypeVar("Part")

PROBE = "\x01dualstream\x01"
"""A text that no provider sends."""

FRUITLESS = 8
"""After so many patterns that fitted nothing, learn no more: this provider spells no two events alike."""


class TextPattern:
    """What stands before and behind the text, byte by byte, in the events of one stream.

    Most providers repeat the same JSON around each piece of text. An event that begins and ends like one which was
    decoded in full, with one JSON string between, says the same with another text: JSON is read from left to right,
    so the bytes around the string can't mean anything else. That the place is the text's own is tried out with a
    probe, each time a pattern is learned.
    """

    def __init__(self) -> None:
        self._before = b"\0"
        self._behind = b""
        self._kind: type[Text] = Chunk
        self._fruitless = 0

    def read(self, events: Sequence[bytes], start: int) -> tuple[type[Text], list[str]]:
        """Read the texts of the events from `start` on, up to the first that does not fit."""
        before, behind = self._before, self._behind
        texts: list[str] = []
        for at in range(start, len(events)):
            data = events[at]
            if not (data.startswith(before) and data.endswith(behind)):
                break
            try:
                text = orjson.loads(data[len(before) : len(data) - len(behind)])
            except orjson.JSONDecodeError:
                break
            if type(text) is not str or not text:
                break
            texts.append(text)
        if texts:
            self._fruitless = 0
        return self._kind, texts

    def learn(self, data: bytes, parts: Sequence[object], decode: Callable[[bytes], Sequence[object]]) -> None:
        """Learn from an event and what it was decoded to; `decode` does the same with the probe.

        Nothing is learned from what is not one text alone, or where its place is not clear.
        """
        if len(parts) != 1 or not isinstance(parts[0], Chunk | Reasoning) or self._fruitless >= FRUITLESS:
            return
        kind = type(parts[0])
        before, found, behind = data.partition(orjson.dumps(parts[0].content))
        if found and list(decode(b"%b%b%b" % (before, orjson.dumps(PROBE), behind))) == [kind(PROBE)]:
            self._before, self._behind, self._kind = before, behind, kind
            self._fruitless += 1
