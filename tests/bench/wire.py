"""What the processes of a benchmark tell each other, as JSON. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Literal

Framing = Literal["sse", "websocket"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider shall do, written into the model's name, since that passes through everything."""

    tokens: int
    interval_ms: int = 0
    first_ms: int = 0

    def model(self) -> str:
        """Write it as a model's name."""
        return f"bench-{self.tokens}-{self.interval_ms}-{self.first_ms}"

    @classmethod
    def of_model(cls, name: str) -> "Answer":
        """Read it.

        Raises:
            ValueError: the name is another's.
        """
        word, *numbers = name.split("-")
        if word != "bench" or len(numbers) != 3:
            message = f"{name!r} is not bench-<tokens>-<interval ms>-<first ms>"
            raise ValueError(message)
        return cls(*map(int, numbers))


@dataclass(frozen=True, slots=True)
class Request:
    """How a stream is asked for: a request, and over WebSocket the first message."""

    framing: Framing
    path: str
    body: str = ""
    method: str = "POST"
    first: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one load does; `port` is on the loopback address."""

    port: int
    request: Request
    streams: int
    requests: int
    tokens: int
    ramp_seconds: float = 0.0
    reuse_sockets: bool = True
    leave_after: int = 0
    interrupt_after: int = 0
    timeout_seconds: float = 60.0


@dataclass(slots=True)
class Stopped:
    """A stream that its client ended: when, how many tokens it had seen, and for an interrupt what passed the fence."""

    stream: int
    at: int
    seen: int
    past_fence: int = 0


@dataclass(slots=True)
class Tally:
    """What one load saw. Times in ns."""

    requests: int = 0
    succeeded: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    foreign: int = 0
    wall: int = 0
    cpu: int = 0
    first_token: dict[str, float] = field(default_factory=dict)
    delay: dict[str, float] = field(default_factory=dict)
    stopped: list[Stopped] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        """Tokens that did not arrive as they were sent, by what became of them."""
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "disordered": self.disordered,
            "foreign": self.foreign,
        }

    def fail(self, why: str) -> None:
        """Count a request that failed."""
        self.failures[why] = self.failures.get(why, 0) + 1


@dataclass(slots=True)
class Served:
    """What the provider saw: `closes` are the streams whose client hung up, as (stream, time, tokens sent)."""

    started: int = 0
    completed: int = 0
    tokens: int = 0
    running: int = 0
    closes: list[tuple[int, int, int]] = field(default_factory=list)


def plan_of(document: dict[str, object]) -> Plan:
    """Make a plan of its JSON object."""
    request = document.pop("request")
    assert isinstance(request, dict)
    return Plan(request=Request(**request), **document)  # type: ignore[arg-type]


def tally_of(document: dict[str, object]) -> Tally:
    """Make a tally of its JSON object."""
    stopped = document.pop("stopped")
    assert isinstance(stopped, list)
    return Tally(stopped=[Stopped(**one) for one in stopped], **document)  # type: ignore[arg-type]


def served_of(document: dict[str, object]) -> Served:
    """Make what the provider saw of its JSON object."""
    closes = document.pop("closes")
    assert isinstance(closes, list)
    return Served(closes=[(one[0], one[1], one[2]) for one in closes], **document)  # type: ignore[arg-type]


def document_of(value: Plan | Tally | Served) -> dict[str, object]:
    """Make a JSON object of one of these."""
    return asdict(value)
