"""What is known of viewers, beside their number: who is behind, who was cut, and what was sent. Pure."""

from collections import Counter
from typing import Protocol


class MeasuredViewer(Protocol):
    """A viewer, as it is measured. Nothing here is called for a chunk: the viewer counts in attributes of its own."""

    sent_bytes: int

    @property
    def transport(self) -> str:
        """Return the name of its transport."""
        ...

    @property
    def is_behind(self) -> bool:
        """Return True if its connection is full."""
        ...


class ViewerFigures:
    """The viewers that write now, and what those before them have done. Each counter is by transport."""

    def __init__(self) -> None:
        self.cut: Counter[str] = Counter()
        """Viewers that were disconnected because they did not read."""
        self._viewers: set[MeasuredViewer] = set()
        self._sent: Counter[str] = Counter()

    def add(self, viewer: MeasuredViewer) -> None:
        """Measure a viewer until it is removed."""
        self._viewers.add(viewer)

    def remove(self, viewer: MeasuredViewer) -> None:
        """Measure a viewer no longer, and keep what it has sent; one that is not measured is ignored."""
        if viewer in self._viewers:
            self._viewers.discard(viewer)
            self._sent[viewer.transport] += viewer.sent_bytes

    def count_sent(self, transport: str, size: int) -> None:
        """Count bytes that were sent without a viewer, as the response to a poll."""
        self._sent[transport] += size

    def sent(self) -> Counter[str]:
        """Return the bytes that were sent."""
        sent = self._sent.copy()
        for viewer in self._viewers:
            sent[viewer.transport] += viewer.sent_bytes
        return sent

    def behind(self) -> Counter[str]:
        """Return the number of viewers that are behind, 0 for each transport that has viewers."""
        behind: Counter[str] = Counter()
        for viewer in self._viewers:
            behind[viewer.transport] += viewer.is_behind
        return behind
