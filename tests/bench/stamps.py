"""The stamp in each token, `@<ns>.<sequence>.<stream>@`, and how tokens are counted by it. Pure.

A stamp holds the time when the provider sent the token, its number in the stream, and the stream's number. Times are
those of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

STAMP = re.compile(rb"@(\d+)\.(\d+)\.(\d+)@")


@dataclass(slots=True)
class TokenFaults:
    """Numbers of tokens that did not arrive as they were sent."""

    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    foreign: int = 0


@dataclass(slots=True)
class TokenTracker:
    """The tokens of one stream as they arrive."""

    stream: int | None = None
    received: int = 0
    _next: int = 0
    _missing: set[int] = field(default_factory=set)
    _faults: TokenFaults = field(default_factory=TokenFaults)

    def record(self, stamps: Iterable[Sequence[bytes]], now: int, delays: list[int]) -> None:
        """Record stamps in the order of their arrival, and append the delay of each to `delays`, in ns."""
        for sent, sequence, stream in stamps:
            if self.stream is None:
                self.stream = int(stream)
            delays.append(now - int(sent))
            self.received += 1
            if int(stream) != self.stream:
                self._faults.foreign += 1
            elif int(sequence) == self._next:
                self._next += 1
            else:
                self._record_out_of_order(int(sequence))

    def finish(self, expected: int | None) -> TokenFaults:
        """Return the faults of a stream that has ended; `expected` is its number of tokens, None if unknown."""
        end = self._next if expected is None else expected
        self._faults.lost = len(self._missing) + max(0, end - self._next)
        self._faults.duplicated += max(0, self._next - end)
        return self._faults

    def _record_out_of_order(self, sequence: int) -> None:
        if sequence > self._next:
            self._missing.update(range(self._next, sequence))
            self._next = sequence + 1
        elif sequence in self._missing:
            self._missing.remove(sequence)
            self._faults.reordered += 1
        else:
            self._faults.duplicated += 1
