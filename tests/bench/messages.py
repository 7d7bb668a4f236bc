"""Messages between the processes of a benchmark, as JSON. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Literal, cast, get_args

Framing = Literal["sse", "websocket", "poll"]

AnswerKind = Literal["bench", "held", "paused"]
"""Whether an answer waits to be released: never, before its first token, or after it. First word of a model's name."""


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """The answer that the provider is to stream. It is encoded in the model's name, which every target passes on."""

    tokens: int
    interval_ms: int = 0
    first_ms: int = 0
    kind: AnswerKind = "bench"

    def model_name(self) -> str:
        """Encode it as a model's name."""
        return f"{self.kind}-{self.tokens}-{self.interval_ms}-{self.first_ms}"

    @classmethod
    def from_model_name(cls, name: str) -> "AnswerSpec":
        """Decode it.

        Raises:
            ValueError: the name has another form.
        """
        kind, *numbers = name.split("-")
        if kind not in get_args(AnswerKind) or len(numbers) != 3:
            message = f"{name!r} is not bench-<tokens>-<interval ms>-<first ms>"
            raise ValueError(message)
        tokens, interval_ms, first_ms = map(int, numbers)
        return cls(tokens, interval_ms, first_ms, cast("AnswerKind", kind))


@dataclass(frozen=True, slots=True)
class Request:
    """The request for a stream; over WebSocket, `first` is the first message."""

    framing: Framing
    path: str
    body: str = ""
    method: str = "POST"
    first: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A load to be run. `port` is that of the target, on the loopback address."""

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
class StoppedStream:
    """A stream that its client stopped.

    `at` is the time in ns, `seen` the number of tokens received by then, `past_fence` the number of events after the
    fence of an interrupt.
    """

    stream: int
    at: int
    seen: int
    past_fence: int = 0


@dataclass(slots=True)
class Tally:
    """What the load generator counted. Times are in ns, quantiles in ms."""

    requests: int = 0
    succeeded: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    events: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    foreign: int = 0
    wall: int = 0
    cpu: int = 0
    first_token: dict[str, float] = field(default_factory=dict)
    delay: dict[str, float] = field(default_factory=dict)
    stopped: list[StoppedStream] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, int]:
        """Return the numbers of tokens that did not arrive as they were sent."""
        return {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "reordered": self.reordered,
            "foreign": self.foreign,
        }

    def fail(self, why: str) -> None:
        """Count a failed request."""
        self.failures[why] = self.failures.get(why, 0) + 1


@dataclass(slots=True)
class ProviderStats:
    """What the provider counted; `closes` lists disconnects as (stream, time in ns, tokens sent)."""

    started: int = 0
    completed: int = 0
    tokens: int = 0
    running: int = 0
    closes: list[tuple[int, int, int]] = field(default_factory=list)


def parse_plan(document: dict[str, object]) -> Plan:
    """Decode a plan."""
    request = document.pop("request")
    assert isinstance(request, dict)
    return Plan(request=Request(**request), **document)  # type: ignore[arg-type]


def parse_tally(document: dict[str, object]) -> Tally:
    """Decode a tally."""
    stopped = document.pop("stopped")
    assert isinstance(stopped, list)
    return Tally(stopped=[StoppedStream(**fields) for fields in stopped], **document)  # type: ignore[arg-type]


def parse_provider_stats(document: dict[str, object]) -> ProviderStats:
    """Decode what the provider counted."""
    closes = document.pop("closes")
    assert isinstance(closes, list)
    return ProviderStats(closes=[(stream, at, sent) for stream, at, sent in closes], **document)  # type: ignore[arg-type]


def to_document(value: Plan | Tally | ProviderStats) -> dict[str, object]:
    """Encode a message as a JSON object."""
    return asdict(value)
