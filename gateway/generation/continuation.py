"""Where an answer that broke off is continued by another upstream: the seam must not show. Pure.

Models go on badly from a prefix that ends in white space, and some servers refuse it: it is taken off the prefix. So
what continues begins with it again, and that is taken off there.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.protocol.events import Chunk, Content, TextBatch


class Continuation:
    """The seam behind `text`: `prefix` is what to send, `join` takes from what follows what is there already."""

    def __init__(self, text: str) -> None:
        self.prefix = text.rstrip()
        self._overlap = text[len(self.prefix) :]

    @property
    def open(self) -> bool:
        """Tell whether what follows may still have to be cut."""
        return bool(self._overlap)

    def join(self, content: Sequence[Content | TextBatch]) -> list[Content]:
        """Cut the beginning of what follows by what already stands before it."""
        joined: list[Content] = []
        for event in split_batches(content):
            if isinstance(event, Chunk) and self._overlap:
                text = self._cut(event.content)
                joined += [Chunk(text)] if text else []
            else:
                joined.append(event)
        return joined

    def _cut(self, text: str) -> str:
        same = 0
        while same < min(len(text), len(self._overlap)) and text[same] == self._overlap[same]:
            same += 1
        # Where it differs, or has been found whole, the seam is behind us.
        self._overlap = self._overlap[same:] if same == len(text) else ""
        return text[same:]


def split_batches(content: Sequence[Content | TextBatch]) -> Iterator[Content]:
    """Take runs apart into their events."""
    for part in content:
        if isinstance(part, TextBatch):
            whole, kind = part.text.content, type(part.text)
            yield from (kind(whole[start:end]) for start, end in pairwise((0, *part.ends)))
        else:
            yield part
