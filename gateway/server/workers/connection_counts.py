"""How many connections each worker has, in memory that all workers share."""

import mmap
import os
import tempfile
from typing import IO, Final

NOT_ACCEPTING: Final = 0xFFFF_FFFF
"""Count of a slot whose worker does not accept connections: more than any other."""

_BYTES: Final = 4


class ConnectionCounts:
    """One slot for each worker. Its supervisor claims and releases the slots, the worker writes into its own.

    An aligned word is written and read at once on every machine that we know; an old count would do as well.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._memory = mmap.mmap(file.fileno(), 0)
        self._counts = memoryview(self._memory).cast("I")
        self._claimed: set[int] = set()

    def close(self) -> None:
        """Release the memory and its file, in this process."""
        self._counts.release()
        self._memory.close()
        self.file.close()

    def claim(self) -> int:
        """Return a slot for a new worker.

        Raises:
            LookupError: all are in use.
        """
        free = set(range(len(self._counts))) - self._claimed
        if not free:
            message = "no slot for another worker"
            raise LookupError(message)
        slot = min(free)
        self._claimed.add(slot)
        return slot

    def release(self, slot: int) -> None:
        """Free the slot of a worker that has ended, and clear the count that it has left there."""
        self._claimed.discard(slot)
        self._counts[slot] = NOT_ACCEPTING

    def publish(self, slot: int, connections: int) -> None:
        """Write the count of a worker."""
        self._counts[slot] = connections

    def least(self) -> int:
        """Return the smallest count of all workers that accept connections."""
        return min(self._counts)


def create_counts(slots: int, file: IO[bytes] | None = None) -> ConnectionCounts:
    """Create the memory, with no worker that accepts; `file` is what it is mapped from, if one is given.

    Raises:
        OSError: there is no room for it.
    """
    file = file or _open_memory()
    file.write(NOT_ACCEPTING.to_bytes(_BYTES, "little") * slots)
    return ConnectionCounts(file)


def _open_memory() -> IO[bytes]:
    # Linux has files that need no folder (memfd_create(2)): those of a container may all be read-only.
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("dualstream-workers"), "w+b", 0)
    return tempfile.TemporaryFile(buffering=0)
