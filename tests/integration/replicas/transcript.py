"""What one viewer has received of a generation, over any number of connections, and what is wrong with it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

JsonObject = dict[str, object]
TERMINAL = frozenset({"complete", "interrupted", "error"})
JOINED = frozenset({"chunk", "reasoning", "tool_call"})
"""Events that may stand for several, so that their numbers jump."""

EPOCH = 10**9
"""Numbers of a generation that another gateway has taken over begin at a multiple of this."""


@dataclass(slots=True)
class Transcript:
    """A viewer's state. `expected` is the whole text that the provider sends."""

    expected: str
    generation_id: str = ""
    seq: int = 0
    text: str = ""
    end: JsonObject | None = None
    gaps: int = 0
    revisions: int = 0
    doubles: list[str] = field(default_factory=list)
    """Events that had been received before, and text that came twice."""
    holes: list[str] = field(default_factory=list)
    """Text and events that were left out."""

    def receive(self, event: JsonObject) -> None:
        """Apply the next event."""
        seq, kind = int(str(event["seq"])), str(event["type"])
        if kind == "gap":
            self._replace(event)
        elif seq <= self.seq:
            self.doubles.append(f"event {seq} ({kind}) after {self.seq}")
            return
        elif seq != self.seq + 1 and kind not in JOINED and not _begins_epoch(self.seq, seq):
            self.holes.append(f"event {seq} ({kind}) after {self.seq}")
        if self.end is not None:
            self.doubles.append(f"event {seq} ({kind}) after the terminal event")
        self.seq = max(seq, self.seq)
        if kind == "chunk":
            self._add(str(event["content"]))
        elif kind == "revision":
            self.text, self.revisions = "", self.revisions + 1
        elif kind in TERMINAL:
            self.end = event

    @property
    def is_whole(self) -> bool:
        """Return True if all of the text has come, and the end of a complete answer."""
        return self.end is not None and self.end["type"] == "complete" and self.text == self.expected

    def problems(self) -> Sequence[str]:
        """Return what is wrong with it at its end."""
        found = [*(f"double: {double}" for double in self.doubles), *(f"hole: {hole}" for hole in self.holes)]
        if self.end is None:
            found.append("no terminal event")
        elif self.end["type"] == "complete" and self.text != self.expected:
            found.append(f"complete with {len(self.text)} of {len(self.expected)} characters")
        elif not self.expected.startswith(self.text):
            found.append(f"{len(self.text)} characters that are not the beginning of the text")
        return found

    def _replace(self, gap: JsonObject) -> None:
        self.gaps += 1
        self.text = str(gap["text"])
        if not self.expected.startswith(self.text):
            self.holes.append(f"a gap with another text, of {len(self.text)} characters")

    def _add(self, content: str) -> None:
        at = len(self.text)
        if self.expected[at : at + len(content)] != content and self.expected.startswith(self.text):
            place = (
                f"{content!r} at {self.seq}, {at} characters, where {self.expected[at : at + len(content)]!r} follows"
            )
            is_repeated = self.text.endswith(content) or self.expected.startswith(content, max(0, at - len(content)))
            (self.doubles if is_repeated else self.holes).append(place)
        self.text += content


def _begins_epoch(before: int, seq: int) -> bool:
    return seq // EPOCH > before // EPOCH and seq % EPOCH == 1
