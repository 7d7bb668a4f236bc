"""Calls the many readers of one log in slices, between which the event loop serves everything else. Pure.

Ten thousand writes in one call take a tenth of a second, in which no command is read and no other text passed on. A
reader is a cursor, so one that is called later misses nothing: it reads what has been appended meanwhile, too.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

SLICE: Final = 256
"""Readers that are called at once: some milliseconds."""

Reader = Callable[[], None]


class FanOut:
    """Readers that are due. Each is called once for all appends since its last call, in the order they became due."""

    __slots__ = ("_call_later", "_due", "_is_calling", "_is_scheduled")

    def __init__(self, call_later: Callable[[float, Reader], object]) -> None:
        self._call_later = call_later
        self._due: dict[Reader, None] = {}
        self._is_calling = False
        self._is_scheduled = False

    def call(self, readers: Iterable[Reader]) -> None:
        """Call the first of the readers now and the others soon, behind those that wait since an earlier append."""
        self._due |= dict.fromkeys(readers)
        if not self._is_calling and not self._is_scheduled:
            self._call_slice()

    def drop(self, reader: Reader) -> None:
        """Do not call a reader any more; one that is not due is ignored."""
        self._due.pop(reader, None)

    def _call_slice(self) -> None:
        self._is_scheduled, self._is_calling = False, True
        try:
            for reader in tuple(islice(self._due, SLICE)):
                # Another one may have dropped it.
                if reader in self._due:
                    del self._due[reader]
                    reader()
        finally:
            # Also after a reader that fails: the others have not been called.
            self._is_calling = False
            if self._due:
                self._is_scheduled = True
                self._call_later(0, self._call_slice)
