"""What the process of clients is told, and its replies: one JSON object per line. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from tests.bench.figures import Figures
from tests.bench.messages import Request

MILLISECOND = 1_000_000
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Open:
    """Connect so many viewers, each with a request of its own, and wait until all are accepted.

    At most `in_flight` of them are on their way at the same time.
    """

    port: int
    request: Request
    viewers: int
    in_flight: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Opened:
    """`accepted` spreads the times from connecting to the event `accepted`, in ms."""

    seconds: float
    accepted: Figures
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Begin:
    """Count from now on."""


@dataclass(frozen=True, slots=True)
class Look:
    """Report what was counted since `Begin`."""


@dataclass(frozen=True, slots=True)
class Window:
    """Times in ms from the provider's stamp on: of all events, and of the first and last viewer of each event."""

    events: int
    delay: Figures
    first: Figures
    last: Figures


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Interrupt so many generations, one after another with a pause between them."""

    count: int
    pause: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The streams of the provider, and when the command was sent, in ns."""

    sent: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Finish:
    """Wait until all streams have ended; `tokens` is the length of a complete one."""

    tokens: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Numbers of streams by their end, of tokens, and of tokens that did not arrive as they were sent."""

    seconds: float
    ends: dict[str, int]
    tokens: int
    faults: dict[str, int] = field(default_factory=dict)


Order = Open | Begin | Look | Interrupt | Finish
Reply = Opened | Window | Interrupted | Finished

_ORDERS = {order.__name__: order for order in (Open, Begin, Look, Interrupt, Finish)}


def encode_order(order: Order) -> bytes:
    """Encode an order as a line."""
    return json.dumps({"order": type(order).__name__, **asdict(order)}).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Decode it."""
    fields: dict[str, object] = json.loads(line)
    kind: type[Order] = _ORDERS[str(fields.pop("order"))]
    if isinstance(request := fields.get("request"), Mapping):
        fields["request"] = Request(**request)
    return kind(**fields)  # type: ignore[arg-type]


def encode_reply(reply: Reply | None) -> str:
    """Encode a reply as a line without its end."""
    return json.dumps({} if reply is None else asdict(reply))
