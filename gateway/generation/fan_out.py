"""Calls the many readers of one log in slices, between which the event loop serves everything else. Pure.

Ten thousand writes in one call take a tenth of a second, in which no command is read and no other text passed on. A
reader is a cursor, so one that is called later misses nothing: it reads what has been appended meanwhile, too.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Final, Protocol

SLICE: Final = 256
"""Readers that are called at once: some milliseconds."""


class Reader(Protocol):
    """Reads what was appended to a log since it was called last."""

    def __call__(self) -> None:
        """Read it."""
        ...


class FanOut:
    """Readers that are due. Each is called once for all appends since its last call, in the order they became due."""

    __slots__ = ("_call_later", "_dropped", "_due", "_is_calling", "_is_scheduled", "_next")

    def __init__(self, call_later: Callable[[float, Reader], object]) -> None:
        self._call_later = call_later
        self._due: Iterator[Reader] = iter(())
        self._next: Iterable[Reader] = ()
        """Those that are due once more, because a reader has appended something."""
        self._dropped: set[Reader] = set()
        """Those that must not be called any more, although they may be due."""
        self._is_calling = self._is_scheduled = False

    def call(self, readers: Iterable[Reader]) -> None:
        """Call the first of the readers now and the others soon, behind those that wait since an earlier append."""
        if self._is_calling:
            self._next = readers
            return
        self._add(readers)
        if not self._is_scheduled:
            self._call_slice()

    def drop(self, reader: Reader) -> None:
        """Do not call a reader any more; one that is not due is ignored."""
        if self._is_calling or self._is_scheduled:
            self._dropped.add(reader)

    def _add(self, readers: Iterable[Reader]) -> None:
        waiting = [reader for reader in self._due if reader not in self._dropped]
        self._dropped.clear()
        self._due = iter(tuple(dict.fromkeys((*waiting, *readers)) if waiting else readers))

    def _call_slice(self) -> None:
        self._is_scheduled, self._is_calling = False, True
        try:
            self._call_all(islice(self._due, SLICE))
        finally:
            # Also after a reader that fails: the others have not been called.
            self._is_calling = False
            if self._next:
                readers, self._next = self._next, ()
                self._add(readers)
            if length_hint(self._due):
                self._is_scheduled = True
                self._call_later(0, self._call_slice)
            else:
                self._dropped.clear()

    def _call_all(self, readers: Iterator[Reader]) -> None:
        """Call readers, except for those that are dropped meanwhile."""
        for reader in readers:
            if reader not in self._dropped:
                reader()
