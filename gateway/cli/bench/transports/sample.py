"""What one answer showed: its times as it was read, what it took to come back to it, and to stop it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.client import TransportName
from gateway.client.frames import Frame
from gateway.protocol.events import Accepted, Chunk, Complete, Error, Interrupted
from gateway.simulator.stamps import read_stamps

NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes on the sockets of one answer, with the heads of HTTP, frames and TLS, without those of TCP and IP."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read to its end. Times in seconds since its request.

    `gaps` are those between two reads with content. `delays` are from sending a chunk to reading it, by the stamps of
    the simulator, for each chunk; empty without stamps. On another machine, its clock is another one: their differences
    are right, they themselves are not.
    """

    accepted: float
    ttft: float
    gaps: Sequence[float]
    delays: Sequence[float]
    events: int
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Recovery:
    """An answer whose connection was cut, and which was then stopped. Times in seconds.

    `reconnect`: from opening a new connection to the first event after the last one that was read. `stop_ack`: from
    sending the interrupt to its acknowledgement. `stop_end`: to the terminal event.
    """

    reconnect: float
    stop_ack: float
    stop_end: float


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured in a round."""

    round: int
    transport: TransportName
    outcome: Answer | Recovery | Failure


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU of one turn in seconds, and the events that were read in it. `gateway` None: not known."""

    round: int
    transport: TransportName
    events: int
    client: float
    gateway: float | None


@dataclass(slots=True)
class Recorder:
    """Records the events of one answer. Times are nanoseconds of CLOCK_MONOTONIC; `began` is that of its request."""

    began: int
    events: int = 0
    chunks: int = 0
    accepted: float | None = None
    terminal: Complete | Interrupted | Error | None = None
    last: Frame | None = None
    _reads: list[int] = field(default_factory=list)
    _delays: list[float] = field(default_factory=list)

    def add(self, frame: Frame, now: int) -> None:
        """Record one frame."""
        self.events += 1
        self.last = frame
        match frame.event:
            case Accepted():
                self.accepted = (now - self.began) / NANOSECONDS
            case Chunk(content):
                self.chunks += 1
                if not self._reads or now > self._reads[-1]:
                    self._reads.append(now)
                self._delays += [(now - sent) / NANOSECONDS for sent in read_stamps(content)]
            case Complete() | Interrupted() | Error() as terminal:
                self.terminal = terminal

    def answer(self, traffic: Traffic) -> Answer | Failure:
        """Return what a complete answer showed."""
        if isinstance(self.terminal, Error):
            return Failure(self.terminal.code, self.terminal.message)
        if not self._reads or self.accepted is None:
            return Failure("empty", "The answer had no text.")
        return Answer(
            self.accepted,
            (self._reads[0] - self.began) / NANOSECONDS,
            [(later - earlier) / NANOSECONDS for earlier, later in zip(self._reads, self._reads[1:], strict=False)],
            self._delays,
            self.events,
            traffic,
        )
