"""The newest ends of generations, as the console lists them. Pure."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_RECENT: Final = 200
"""Number of ends that are kept. A summary takes 1 to 2 kB."""


class Recent(Generic[T]):
    """The last `MAX_RECENT` entries, numbered from 1."""

    def __init__(self) -> None:
        self.last = 0
        """Number of the newest entry; 0 without one."""
        self._entries: deque[T] = deque(maxlen=MAX_RECENT)

    def add(self, entry: T) -> None:
        """Add the newest entry; the oldest makes room."""
        self._entries.append(entry)
        self.last += 1

    def after(self, number: int) -> Sequence[T]:
        """Return the kept entries that follow a number, newest first. One that is not reached counts as 0."""
        if number > self.last:
            # Of another process, or of this one before its restart.
            number = 0
        return list(islice(reversed(self._entries), self.last - number))
