"""Continue an answer that broke off with another upstream, without a visible seam. Pure.

Models continue badly from a prefix that ends in white space, and some servers refuse one. So the white space is removed
from the prefix that is sent. A model then often begins with that white space again, and it is removed from the text
that follows.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.protocol.events import Chunk, Content, TextBatch, Verbatim


class Continuation:
    """The continuation of `text`: send `prefix` upstream, and pass what follows through `join`."""

    def __init__(self, text: str) -> None:
        self.prefix = text.rstrip()
        self._overlap = text[len(self.prefix) :]

    @property
    def has_overlap(self) -> bool:
        """Return True while the beginning of what follows may still repeat removed white space."""
        return bool(self._overlap)

    def join(self, content: Sequence[Content | TextBatch | Verbatim]) -> list[Content | Verbatim]:
        """Return content without the white space that stands before it already."""
        joined: list[Content | Verbatim] = []
        for event in split_batches(content):
            if isinstance(event, Chunk) and self._overlap:
                text = self._remove_overlap(event.content)
                joined += [Chunk(text)] if text else []
            else:
                joined.append(event)
        return joined

    def _remove_overlap(self, text: str) -> str:
        same = 0
        while same < min(len(text), len(self._overlap)) and text[same] == self._overlap[same]:
            same += 1
        # Where the text differs, or the whole overlap was found, nothing more is to be removed.
        self._overlap = self._overlap[same:] if same == len(text) else ""
        return text[same:]


def split_batches(content: Sequence[Content | TextBatch | Verbatim]) -> Iterator[Content | Verbatim]:
    """Yield each event of the content, those of batches one by one."""
    for item in content:
        if isinstance(item, TextBatch):
            text, kind = item.text.content, type(item.text)
            yield from (kind(text[start:end]) for start, end in pairwise((0, *item.ends)))
        else:
            yield item
