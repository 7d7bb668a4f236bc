"""Read text from events that are spelled like one before, without decoding what stands around it. Pure."""

from collections.abc import Callable, Sequence

import orjson

from gateway.protocol.events import Chunk, Reasoning, Text

PROBE = "\x01dualstream\x01"
"""A text that no provider sends."""

TOGETHER = 8192
"""About how many characters are read as one run: what comes together goes to clients as one message."""

FRUITLESS = 8
"""After so many patterns that fitted nothing, learn no more: this provider spells no two events alike."""


class TextTemplate:
    """What stands before and behind the text, byte by byte, in the events of one stream.

    Most providers repeat the same JSON around each piece of text. An event that begins and ends like one which was
    decoded in full, with one JSON string between, says the same with another text: JSON is read from left to right,
    so the bytes around the string can't mean anything else. That the place is the text's own is tried out with a
    probe, each time a pattern is learned.
    """

    def __init__(self) -> None:
        self.kind: type[Text] = Chunk
        self._before = self._behind = b"\0"
        self._fruitless = 0

    def line(self, read: bytes) -> str:
        """Read the text of a read that is one such event, `data: ` and line ends included; "" if it is not."""
        if not (read.startswith(b"data: ") and read.endswith(b"\n\n") and read.find(b"\n") == len(read) - 2):
            return ""
        if b"\r" in read:
            return ""
        return self._text(read, 6, len(read) - 2)

    def texts(self, events: Sequence[bytes], start: int) -> list[str]:
        """Read the texts of the events from `start` on, up to the first that does not fit, or to `TOGETHER`."""
        texts, length = list[str](), 0
        for at in range(start, len(events)):
            text = self._text(events[at], 0, len(events[at]))
            if not text:
                break
            texts.append(text)
            length += len(text)
            if length > TOGETHER:
                break
        return texts

    def learn(self, data: bytes, parts: Sequence[object], decode: Callable[[bytes], Sequence[object]]) -> None:
        """Learn from an event and what it was decoded to; `decode` does the same with the probe.

        Nothing is learned from what is not one text alone, or where its place is not clear.
        """
        if len(parts) != 1 or not isinstance(parts[0], Chunk | Reasoning) or self._fruitless >= FRUITLESS:
            return
        kind = type(parts[0])
        before, found, behind = data.partition(orjson.dumps(parts[0].content))
        if (
            b"\n" not in data
            and found
            and list(decode(b"%b%b%b" % (before, orjson.dumps(PROBE), behind))) == [kind(PROBE)]
        ):
            self._before, self._behind, self.kind = before, behind, kind
            self._fruitless += 1

    def _text(self, data: bytes, start: int, end: int) -> str:
        before, behind = self._before, self._behind
        if not (data.startswith(before, start) and data.endswith(behind, start, end)):
            return ""
        try:
            text = orjson.loads(data[start + len(before) : end - len(behind)])
        except orjson.JSONDecodeError:
            return ""
        if type(text) is not str:
            return ""
        self._fruitless = 0
        return text
