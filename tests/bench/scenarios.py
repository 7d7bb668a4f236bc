"""What is measured, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.bench.wire import Answer

OURS = ("sse", "websocket")
RIVALS = ("express", "nginx")
ALL = (*OURS, *RIVALS)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure worth showing; less is better. `compared`: its ratio to a rival's holds from run to run."""

    name: str
    title: str
    unit: str
    digits: int = 1
    compared: bool = False


CPU_PER_TOKEN = Metric("cpu_us_per_token", "CPU per token", "µs", compared=True)
CPU_PER_REQUEST = Metric("cpu_ms_per_request", "CPU per request", "ms", 2, compared=True)
MEMORY_PER_STREAM = Metric("kb_per_stream", "memory per stream", "KB", compared=True)
MEMORY = Metric("memory_mb", "memory", "MB", 0)
DELAY = Metric("delay_p50_ms", "added delay, p50", "ms", 2)
DELAY_WORST = Metric("delay_p99_ms", "added delay, p99", "ms")
CLOSE = Metric("close_p50_ms", "until the provider is closed, p50", "ms", 2)
CLOSE_WORST = Metric("close_p99_ms", "until the provider is closed, p99", "ms", 2)
UNSEEN = Metric("unseen_tokens", "tokens made for nobody, per stream", "", 1)
NEVER_CLOSED = Metric("never_closed", "streams never closed", "", 0)
PAST_FENCE = Metric("past_fence", "events past the fence", "", 0)


@dataclass(frozen=True, slots=True)
class Shape:
    """One load: how many streams at once, how many in all, and of what."""

    streams: int
    requests: int
    answer: Answer
    ramp_seconds: float = 0.0
    leave_after: int = 0
    interrupt_after: int = 0
    reuse_sockets: bool = True
    viewers_of_one: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question, and the loads that answer it; `quick` are those that only look for faults.

    Of several loads each gives a row of its own, all by the same process. `beside` names the row whose rivals ours are
    set beside, where a rival can't do the same.
    """

    name: str
    title: str
    about: str
    metrics: tuple[Metric, ...]
    shapes: tuple[Shape, ...]
    quick: tuple[Shape, ...]
    targets: tuple[str, ...] = ALL
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    beside: str = ""

    def row(self, shape: Shape) -> str:
        """Name the row of a load."""
        return f"{self.name}-{shape.streams}" if len(self.shapes) > 1 else self.name

    @property
    def rows(self) -> list[str]:
        """The names of all its rows."""
        return list(map(self.row, self.shapes))


def _growth(streams: int) -> Shape:
    # Slow enough that the most streams do not fill a core: a full one joins tokens, and looks cheaper than it is.
    return Shape(streams, streams, Answer(30, interval_ms=100), ramp_seconds=0.5)


SCENARIOS = (
    Scenario(
        "firehose",
        "Firehose",
        "32 streams of 500 tokens, as fast as they go",
        (CPU_PER_TOKEN,),
        (Shape(32, 256, Answer(500)),),
        (Shape(8, 16, Answer(300)),),
    ),
    Scenario(
        "paced-100",
        "Paced, 100 streams",
        "100 streams at 50 tokens a second",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(100, 100, Answer(120, interval_ms=20), ramp_seconds=0.5),),
        (Shape(20, 20, Answer(20, interval_ms=20), ramp_seconds=0.1),),
    ),
    Scenario(
        "paced-500",
        "Paced, 500 streams",
        "500 streams at 50 tokens a second",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(500, 500, Answer(100, interval_ms=20), ramp_seconds=1.0),),
        (Shape(60, 60, Answer(20, interval_ms=20), ramp_seconds=0.2),),
    ),
    Scenario(
        "short",
        "Short answers",
        "64 at once, 10 tokens each; over WebSocket with a new socket for each",
        (CPU_PER_REQUEST,),
        (Shape(64, 1500, Answer(10), reuse_sockets=False),),
        (Shape(16, 64, Answer(10), reuse_sockets=False),),
    ),
    Scenario(
        "short-reused",
        "Short answers, one socket",
        "the same on sockets that carry one generation after another",
        (CPU_PER_REQUEST,),
        (Shape(64, 1500, Answer(10)),),
        (Shape(16, 64, Answer(10)),),
        targets=("websocket",),
        beside="short",
    ),
    Scenario(
        "idle",
        "Idle streams",
        "2,000 open streams with a token a second",
        (MEMORY_PER_STREAM,),
        (Shape(2000, 2000, Answer(5, interval_ms=1000), ramp_seconds=3.0),),
        (Shape(100, 100, Answer(3, interval_ms=200), ramp_seconds=0.2),),
    ),
    Scenario(
        "leave",
        "Clients leave",
        "100 clients go after 10 tokens (on_disconnect = cancel)",
        (CLOSE, CLOSE_WORST, UNSEEN, NEVER_CLOSED),
        (Shape(100, 100, Answer(150, interval_ms=20), ramp_seconds=0.5, leave_after=10),),
        (Shape(20, 20, Answer(100, interval_ms=20), ramp_seconds=0.2, leave_after=5),),
        settings=MappingProxyType({"DUALSTREAM_ON_DISCONNECT": "cancel"}),
    ),
    Scenario(
        "interrupt",
        "Interrupts",
        "200 streams at 20 tokens a second: from sending the command to the provider's seeing its connection closed",
        (CLOSE, CLOSE_WORST, UNSEEN, PAST_FENCE),
        (Shape(200, 400, Answer(100_000, interval_ms=50), ramp_seconds=1.0, interrupt_after=25),),
        (Shape(20, 40, Answer(100_000, interval_ms=20), ramp_seconds=0.2, interrupt_after=10),),
        targets=OURS,
    ),
    Scenario(
        "fan-out",
        "Fan-out",
        "500 viewers of one generation of 50 tokens a second, beside 500 streams through a rival",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(500, 500, Answer(100, interval_ms=20, first_ms=2500), ramp_seconds=1.0, viewers_of_one=True),),
        (Shape(50, 50, Answer(20, interval_ms=20, first_ms=1000), ramp_seconds=0.2, viewers_of_one=True),),
        targets=OURS,
        beside="paced-500",
    ),
    Scenario(
        "growth",
        "Growth",
        "10 to 1,000 streams at 10 tokens a second, one after the other in the same process",
        (CPU_PER_TOKEN, MEMORY),
        tuple(map(_growth, (10, 100, 300, 1000))),
        (Shape(10, 10, Answer(8, interval_ms=50)), Shape(100, 100, Answer(8, interval_ms=50), ramp_seconds=0.2)),
    ),
)
