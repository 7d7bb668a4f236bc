"""The catalogue: each fault, what the client must see of it, and what the upstream saw. Data; catalogue.py runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.protocol.errors import Code
from tests.integration.faults.proxy import (
    Bandwidth,
    BlackHole,
    ByteByByte,
    Deaf,
    HalfClose,
    Latency,
    Mode,
    Pass,
    Refuse,
    Reset,
    Side,
)

Text = Literal["whole", "prefix", "none"]

FIRST_BYTES = 2500
"""Of an answer: its head, the role, and some chunks."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of a gateway that several cases share."""

    name: str
    settings: Mapping[str, str]


# No breaker: one case's fault is not to change the next. Where waiting is not the point, nothing is hurried.
ONCE = Setup(
    "once",
    {
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_ATTEMPTS": "1",
        "DUALSTREAM_MAX_OUTPUT_BYTES": "20000",
        "DUALSTREAM_MIN_CHARS_PER_SECOND": "20",
    },
)
HURRIED = Setup(
    "hurried",
    {
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_ATTEMPTS": "1",
        "DUALSTREAM_CONNECT_TIMEOUT": "1",
        "DUALSTREAM_FIRST_TOKEN_TIMEOUT": "2",
        "DUALSTREAM_STALL_TIMEOUT": "1",
        "DUALSTREAM_TOTAL_TIMEOUT": "4",
        "DUALSTREAM_HEARTBEAT": "0.3",
    },
)
TWICE = Setup(
    "twice",
    {
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_ATTEMPTS": "2",
        "DUALSTREAM_RETRY_BASE": "0.1",
        "DUALSTREAM_FIRST_TOKEN_TIMEOUT": "2",
    },
)
SETUPS = (ONCE, HURRIED, TWICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the client must see. `code` None is `complete`; `retried` are the codes of the `retry` events before."""

    code: Code | None = None
    retryable: bool = False
    partial: bool = False
    text: Text = "whole"
    retried: Sequence[Code] = ()
    longest_wait_ms: float = 0
    """The shortest that the longest wait before a retry may be: a provider that says when is not asked before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault. `calls` is how often the upstream was called; `ended_by` who ended the last call's connection.

    `ended_by` None: it was kept for the next call. "either": what comes first decides, and both are right.
    """

    name: str
    what: str
    setup: Setup = ONCE
    model: str = "sim?ttft=0&speed=0&length=300"
    modes: Sequence[Mode] = field(default=(Pass(),))
    sees: Sight
    calls: int = 1
    ended_by: Side | Literal["either"] | None

    @property
    def alone(self) -> bool:
        """Tell whether it needs the proxy for itself: a mode of its own, or a connection that has not served before."""
        return self.modes != (Pass(),) or "fault=refuse" in self.model


def _sim(settings: str) -> str:
    return f"sim?ttft=0&speed=0&length=300&{settings}"


COMPLETE = Sight()


def _error(code: Code, text: Text, *, retryable: bool = True, retried: Sequence[Code] = (), wait: float = 0) -> Sight:
    return Sight(
        code=code,
        retryable=retryable,
        partial=text != "none",
        text=text,
        retried=retried,
        longest_wait_ms=wait,
    )


_SIMULATED = (
    Case(
        name="429",
        what="refuses with 429 and Retry-After",
        model=_sim("fault=429"),
        sees=_error(Code.RATE_LIMIT, "none"),
        ended_by=None,
    ),
    Case(
        name="500",
        what="refuses with 500",
        model=_sim("fault=500"),
        sees=_error(Code.SERVER_ERROR, "none"),
        ended_by=None,
    ),
    Case(
        name="401",
        what="refuses the key",
        model=_sim("fault=401"),
        sees=_error(Code.AUTH_ERROR, "none", retryable=False),
        ended_by=None,
    ),
    Case(
        name="html",
        what="answers 200 with a web page",
        model=_sim("fault=html"),
        sees=_error(Code.UPSTREAM_PROTOCOL, "none", retryable=False),
        ended_by="either",
    ),
    Case(
        name="refuse",
        what="resets the connection without an answer",
        model=_sim("fault=refuse"),
        sees=_error(Code.NETWORK_ERROR, "none"),
        ended_by="server",
    ),
    Case(
        name="drop",
        what="cuts the connection after 5 chunks",
        model=_sim("fault=drop"),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="server",
    ),
    Case(
        name="drop at once",
        what="cuts the connection before the first chunk",
        model=_sim("fault=drop&after=0"),
        sees=_error(Code.TRUNCATED, "none"),
        ended_by="server",
    ),
    Case(
        name="truncate",
        what="ends cleanly after 5 chunks, without an end mark",
        model=_sim("fault=truncate"),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="either",
    ),
    Case(
        name="garbage",
        what="sends a malformed line, then goes on",
        model=_sim("fault=garbage"),
        sees=_error(Code.UPSTREAM_PROTOCOL, "prefix"),
        ended_by="either",
    ),
    Case(
        name="error",
        what="sends an error object in the stream",
        model=_sim("fault=error"),
        sees=_error(Code.SERVER_ERROR, "prefix"),
        ended_by="either",
    ),
    Case(
        name="trickle",
        what="sends each byte by itself",
        model="sim?ttft=0&speed=500&length=200&language=emoji&fault=trickle",
        sees=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="hugeline",
        what="sends a line of several MiB",
        model=_sim("fault=hugeline"),
        sees=_error(Code.UPSTREAM_PROTOCOL, "prefix"),
        ended_by="client",
    ),
    Case(
        name="too long",
        what="writes more than the gateway's output limit",
        model="sim?ttft=0&speed=0&length=40000",
        sees=_error(Code.OUTPUT_LIMIT, "prefix", retryable=False),
        ended_by="either",
    ),
    Case(
        name="too slow",
        what="writes 5 characters a second, under the floor of 20",
        model="sim?ttft=0&speed=5&length=1000",
        sees=_error(Code.TOO_SLOW, "prefix"),
        ended_by="client",
    ),
    Case(
        name="stall",
        what="falls silent after 5 chunks",
        setup=HURRIED,
        model=_sim("fault=stall"),
        sees=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="stall at once",
        what="falls silent before the first chunk",
        setup=HURRIED,
        model=_sim("fault=stall&after=0"),
        sees=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="pings",
        what="sends only comments and empty deltas after 5 chunks",
        setup=HURRIED,
        model=_sim("fault=pings"),
        sees=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="pings at once",
        what="sends only comments and empty deltas",
        setup=HURRIED,
        model=_sim("fault=pings&after=0"),
        sees=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="no end in sight",
        what="writes on beyond the time for a whole answer",
        setup=HURRIED,
        model="sim?ttft=0&speed=40&length=10000",
        sees=_error(Code.TIMEOUT, "prefix"),
        ended_by="client",
    ),
)

_RETRIED = (
    Case(
        name="429, retried",
        what="refuses with 429 and `Retry-After: 1`, twice",
        setup=TWICE,
        model=_sim("fault=429"),
        sees=_error(Code.RATE_LIMIT, "none", retried=[Code.RATE_LIMIT], wait=1000),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="500, retried",
        what="refuses with 500, twice",
        setup=TWICE,
        model=_sim("fault=500"),
        sees=_error(Code.SERVER_ERROR, "none", retried=[Code.SERVER_ERROR]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="401, not retried",
        what="refuses the key",
        setup=TWICE,
        model=_sim("fault=401"),
        sees=_error(Code.AUTH_ERROR, "none", retryable=False),
        ended_by=None,
    ),
    Case(
        name="drop at once, retried",
        what="cuts the connection before the first chunk, twice",
        setup=TWICE,
        model=_sim("fault=drop&after=0"),
        sees=_error(Code.TRUNCATED, "none", retried=[Code.TRUNCATED]),
        calls=2,
        ended_by="server",
    ),
    Case(
        name="drop, not retried",
        what="cuts the connection after 5 chunks",
        setup=TWICE,
        model=_sim("fault=drop"),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="server",
    ),
    Case(
        name="reset, then well",
        what="the network resets the first connection",
        setup=TWICE,
        modes=(Reset(), Pass()),
        sees=Sight(retried=[Code.NETWORK_ERROR]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="black hole, then well",
        what="the network swallows the first call",
        setup=TWICE,
        modes=(BlackHole(), Pass()),
        sees=Sight(retried=[Code.FIRST_TOKEN_TIMEOUT]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="reset in the text, not retried",
        what="the network resets the first connection after some chunks",
        setup=TWICE,
        modes=(Reset(FIRST_BYTES), Pass()),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
)

_NETWORK = (
    Case(
        name="latency",
        what="200 ms each way",
        modes=(Latency(0.2),),
        sees=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="reset",
        what="RST as soon as the request has come",
        modes=(Reset(),),
        sees=_error(Code.NETWORK_ERROR, "none"),
        ended_by="proxy",
    ),
    Case(
        name="reset in the text",
        what=f"RST after {FIRST_BYTES} bytes of the answer",
        modes=(Reset(FIRST_BYTES),),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
    Case(
        name="half-close",
        what=f"FIN after {FIRST_BYTES} bytes of the answer",
        modes=(HalfClose(FIRST_BYTES),),
        sees=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
    Case(
        name="black hole",
        what="accepts, and forwards nothing",
        setup=HURRIED,
        modes=(BlackHole(),),
        sees=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="black hole in the text",
        what=f"forwards nothing more after {FIRST_BYTES} bytes",
        setup=HURRIED,
        modes=(BlackHole(FIRST_BYTES),),
        sees=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="byte by byte",
        what="one byte of the answer at a time",
        model="sim?ttft=0&speed=0&length=100&language=vietnamese",
        modes=(ByteByByte(),),
        sees=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="narrow",
        what="20,000 bytes a second",
        modes=(Bandwidth(20_000),),
        sees=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="closed port",
        what="connecting is refused",
        modes=(Refuse(),),
        sees=_error(Code.NETWORK_ERROR, "none"),
        calls=0,
        ended_by=None,
    ),
    Case(
        name="deaf port",
        what="connecting takes for ever",
        setup=HURRIED,
        modes=(Deaf(),),
        sees=_error(Code.NETWORK_ERROR, "none"),
        calls=0,
        ended_by=None,
    ),
)

CASES: Sequence[Case] = (*_SIMULATED, *_NETWORK, *_RETRIED)
