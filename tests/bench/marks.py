"""The mark in each token, `@<ns>.<sequence>.<stream>@`: when it was made, and its place. Pure.

Times are of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MARK = re.compile(rb"@(\d+)\.(\d+)\.(\d+)@")


@dataclass(slots=True)
class Faults:
    """What did not arrive as it was sent: counts of tokens."""

    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    foreign: int = 0


@dataclass(slots=True)
class Ledger:
    """The tokens of one stream as they arrive."""

    stream: int | None = None
    received: int = 0
    _next: int = 0
    _missing: set[int] = field(default_factory=set)
    _faults: Faults = field(default_factory=Faults)

    def enter(self, marks: Iterable[Sequence[bytes]], now: int, delays: list[int]) -> None:
        """Take marks in, in the order of their arrival; add to `delays` how long each was on its way, in ns."""
        for sent, sequence, stream in marks:
            if self.stream is None:
                self.stream = int(stream)
            delays.append(now - int(sent))
            self.received += 1
            if int(stream) != self.stream:
                self._faults.foreign += 1
            elif int(sequence) == self._next:
                self._next += 1
            else:
                self._out_of_turn(int(sequence))

    def close(self, expected: int | None) -> Faults:
        """Give the faults; those that never came are known once nothing more will come."""
        end = self._next if expected is None else expected
        self._faults.lost = len(self._missing) + max(0, end - self._next)
        self._faults.doubled += max(0, self._next - end)
        return self._faults

    def _out_of_turn(self, sequence: int) -> None:
        if sequence > self._next:
            self._missing.update(range(self._next, sequence))
            self._next = sequence + 1
        elif sequence in self._missing:
            self._missing.remove(sequence)
            self._faults.disordered += 1
        else:
            self._faults.doubled += 1
