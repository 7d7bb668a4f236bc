"""The loads that are measured, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tests.bench.messages import AnswerSpec
from tests.bench.metric import (
    CLOSE,
    CLOSE_WORST,
    CPU_PER_REQUEST,
    CPU_PER_TOKEN,
    DELAY,
    DELAY_WORST,
    KERNEL_PER_TOKEN,
    MEMORY,
    MEMORY_PER_STREAM,
    NEVER_CLOSED,
    PAST_FENCE,
    START_CPU,
    START_MEMORY,
    START_SECONDS,
    STORE_PER_TOKEN,
    UNSEEN,
    USER_PER_TOKEN,
    Metric,
)

NATIVE = ("sse", "websocket")
"""Our own protocol, over each of its transports."""

REDIS = "redis"
"""Our own protocol over SSE, with the generations stored in Redis."""

DIALECTS = ("chat", "messages", "responses")
"""APIs of providers, each over a provider that has the same."""

OURS = (*NATIVE, *DIALECTS, REDIS)
OTHERS = ("express", "nginx")
STREAMS = (*NATIVE, "chat", *OTHERS)
POLL = "poll"
"""Long polls: only where they can be compared with streams."""

LITELLM = "litellm"

ALL = (*OURS, *OTHERS, LITELLM, POLL)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a load that is measured: so many seconds, after all streams have run for some. They must go on.

    Answers that are held or paused go on when all streams run, however long it takes a server to start them.
    """

    settle_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Shape:
    """One load: the number of concurrent streams, of all requests, and their answers.

    With a `window`, the CPU per token is measured only in it: without what requests cost. Figures that need all streams
    at once are left out if there was none.
    """

    streams: int
    requests: int
    answer: AnswerSpec
    ramp_seconds: float = 0.0
    leave_after: int = 0
    interrupt_after: int = 0
    reuse_sockets: bool = True
    viewers_of_one: bool = False
    window: Window | None = None

    def scaled(self, share: float) -> "Shape":
        """Return this share of the load, for servers that can't take all of it."""
        return replace(self, streams=max(1, int(self.streams * share)), requests=max(1, int(self.requests * share)))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A question, and the loads that answer it; `quick` are loads that only look for faults.

    Each of several loads gives its own row; all run on the same processes. `compared_with` names the row of other
    servers that ours is compared with, where they can't run the same load.
    """

    name: str
    title: str
    about: str
    metrics: tuple[Metric, ...]
    shapes: tuple[Shape, ...]
    quick: tuple[Shape, ...]
    targets: tuple[str, ...] = STREAMS
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    compared_with: str = ""

    def row(self, shape: Shape) -> str:
        """Return the name of a load's row."""
        return f"{self.name}-{shape.streams}" if len(self.shapes) > 1 else self.name

    @property
    def rows(self) -> list[str]:
        """Return the names of all rows."""
        return list(map(self.row, self.shapes))


def _growth(streams: int) -> Shape:
    # Slow enough that the largest load does not fill a core: a full core joins tokens, which looks cheaper.
    return Shape(streams, streams, AnswerSpec(30, interval_ms=100), ramp_seconds=0.5)


def _coalesced(streams: int, rate: int, milliseconds: int) -> Scenario:
    """Return a steady load at some tokens per second, joined for some milliseconds; all have 5,000 in a second."""
    answer, quick = AnswerSpec(6 * rate, interval_ms=1000 // rate), AnswerSpec(rate, interval_ms=1000 // rate)
    return Scenario(
        f"coalesce-{rate}-{milliseconds}",
        f"Coalesced {milliseconds} ms, {rate} tokens per second",
        f"{streams} streams at {rate} tokens per second, coalesce_ms = {milliseconds}, without their requests",
        (CPU_PER_TOKEN, USER_PER_TOKEN, KERNEL_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(streams, streams, answer, ramp_seconds=0.5, window=Window(settle_seconds=1, seconds=3)),),
        (Shape(5, 5, quick, ramp_seconds=0.1, window=Window(settle_seconds=0.2, seconds=0.3)),),
        targets=NATIVE,
        settings=MappingProxyType({"DUALSTREAM_COALESCE_MS": str(milliseconds)}),
    )


SCENARIOS = (
    Scenario(
        "firehose",
        "Firehose",
        "32 streams of 500 tokens, as fast as possible",
        (CPU_PER_TOKEN,),
        (Shape(32, 256, AnswerSpec(500)),),
        (Shape(8, 16, AnswerSpec(300)),),
        targets=(*STREAMS, POLL),
    ),
    Scenario(
        "steady",
        "Steady",
        "100 streams of 500 tokens at 50 per second, measured in the middle of their answers: without their requests",
        (CPU_PER_TOKEN, USER_PER_TOKEN, KERNEL_PER_TOKEN, STORE_PER_TOKEN),
        (
            Shape(
                100, 100, AnswerSpec(500, interval_ms=20), ramp_seconds=0.5, window=Window(settle_seconds=1, seconds=6)
            ),
        ),
        (
            Shape(
                20,
                20,
                AnswerSpec(100, interval_ms=20),
                ramp_seconds=0.1,
                window=Window(settle_seconds=0.25, seconds=0.5),
            ),
        ),
        targets=(*OURS, *OTHERS, LITELLM),
    ),
    Scenario(
        "paced-100",
        "Paced, 100 streams",
        "100 streams at 50 tokens per second",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(100, 100, AnswerSpec(120, interval_ms=20), ramp_seconds=0.5),),
        (Shape(20, 20, AnswerSpec(20, interval_ms=20), ramp_seconds=0.1),),
        targets=(*STREAMS, POLL),
    ),
    Scenario(
        "paced-500",
        "Paced, 500 streams",
        "500 streams at 50 tokens per second",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(500, 500, AnswerSpec(100, interval_ms=20), ramp_seconds=1.0),),
        (Shape(60, 60, AnswerSpec(20, interval_ms=20), ramp_seconds=0.2),),
    ),
    Scenario(
        "short",
        "Short answers",
        "64 concurrent answers of 10 tokens; over WebSocket with one socket each",
        (CPU_PER_REQUEST,),
        (Shape(64, 1500, AnswerSpec(10), reuse_sockets=False),),
        (Shape(16, 64, AnswerSpec(10), reuse_sockets=False),),
        targets=(*OURS, *OTHERS, LITELLM),
    ),
    Scenario(
        "short-reused",
        "Short answers, one socket",
        "the same on sockets that are used for one generation after another",
        (CPU_PER_REQUEST,),
        (Shape(64, 1500, AnswerSpec(10)),),
        (Shape(16, 64, AnswerSpec(10)),),
        targets=("websocket",),
        compared_with="short",
    ),
    Scenario(
        "idle",
        "Idle streams",
        "2,000 open streams with one token per second, from when all are open",
        (MEMORY_PER_STREAM,),
        (
            Shape(
                2000,
                2000,
                AnswerSpec(7, interval_ms=1000, kind="paused"),
                ramp_seconds=3.0,
                window=Window(settle_seconds=0.5, seconds=1),
            ),
        ),
        (
            Shape(
                100,
                100,
                AnswerSpec(4, interval_ms=200, kind="paused"),
                ramp_seconds=0.2,
                window=Window(settle_seconds=0, seconds=0),
            ),
        ),
    ),
    Scenario(
        "leave",
        "Clients disconnect",
        "100 clients disconnect after 10 tokens (on_disconnect = cancel)",
        (CLOSE, CLOSE_WORST, UNSEEN, NEVER_CLOSED),
        (Shape(100, 100, AnswerSpec(150, interval_ms=20), ramp_seconds=0.5, leave_after=10),),
        (Shape(20, 20, AnswerSpec(100, interval_ms=20), ramp_seconds=0.2, leave_after=5),),
        settings=MappingProxyType({"DUALSTREAM_ON_DISCONNECT": "cancel"}),
    ),
    Scenario(
        "interrupt",
        "Interrupts",
        "200 streams at 20 tokens per second: from sending the command until the provider notices the disconnect",
        (CLOSE, CLOSE_WORST, UNSEEN, PAST_FENCE),
        (Shape(200, 400, AnswerSpec(100_000, interval_ms=50), ramp_seconds=1.0, interrupt_after=25),),
        (Shape(20, 40, AnswerSpec(100_000, interval_ms=20), ramp_seconds=0.2, interrupt_after=10),),
        targets=NATIVE,
    ),
    Scenario(
        "fan-out",
        "Fan-out",
        "500 viewers of one generation of 50 tokens per second, compared with 500 streams through another server",
        (CPU_PER_TOKEN, DELAY, DELAY_WORST),
        (Shape(500, 500, AnswerSpec(100, interval_ms=20, first_ms=2500), ramp_seconds=1.0, viewers_of_one=True),),
        (Shape(50, 50, AnswerSpec(20, interval_ms=20, first_ms=1000), ramp_seconds=0.2, viewers_of_one=True),),
        targets=NATIVE,
        compared_with="paced-500",
    ),
    Scenario(
        "growth",
        "Growth",
        "10 to 1,000 streams at 10 tokens per second, one load after another in the same process",
        (CPU_PER_TOKEN, MEMORY),
        tuple(map(_growth, (10, 100, 1000))),
        (
            Shape(10, 10, AnswerSpec(8, interval_ms=50)),
            Shape(100, 100, AnswerSpec(8, interval_ms=50), ramp_seconds=0.2),
        ),
        targets=(*NATIVE, *OTHERS),
    ),
    Scenario(
        "start-up",
        "Start-up",
        "from the start of the process until it listens",
        (START_CPU, START_SECONDS, START_MEMORY),
        (Shape(1, 1, AnswerSpec(1)),),
        (Shape(1, 1, AnswerSpec(1)),),
        targets=("sse", REDIS, *OTHERS, LITELLM),
    ),
    _coalesced(100, 50, 0),
    _coalesced(100, 50, 100),
    _coalesced(25, 200, 0),
    _coalesced(25, 200, 100),
)
