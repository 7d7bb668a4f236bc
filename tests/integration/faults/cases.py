"""The cases: each fault, what the client must get, and what must happen at the upstream. Data; `runner` runs it."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.protocol.errors import Code
from tests.integration.faults.case import COMPLETE, Case, Expected, Setup
from tests.integration.faults.case import error as _error
from tests.integration.faults.proxy import (
    Bandwidth,
    BlackHole,
    ByteByByte,
    FullBacklog,
    HalfClose,
    Latency,
    Pass,
    Refuse,
    Reset,
)
from tests.integration.faults.scripted_cases import BROKEN_KEPT, ERRORS_IN_A_SUCCESS, ODD_STREAMS, SCRIPTED_SETUPS

FIRST_BYTES = 2500
"""Bytes of a response: its headers, the role, and some chunks."""

# No breaker: a case's fault must not affect the next case. Short timeouts only where a case is about a timeout.
ONE_ATTEMPT = Setup(
    "one attempt",
    {
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_ATTEMPTS": "1",
        "DUALSTREAM_MAX_EVENT_BYTES": str(1 << 20),
        "DUALSTREAM_MAX_OUTPUT_BYTES": "20000",
        "DUALSTREAM_MIN_CHARS_PER_SECOND": "20",
    },
)
SHORT_TIMEOUTS = Setup(
    "short timeouts",
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
TWO_ATTEMPTS = Setup(
    "two attempts",
    {
        "DUALSTREAM_BREAKER_FAILURES": "0",
        "DUALSTREAM_MAX_ATTEMPTS": "2",
        "DUALSTREAM_RETRY_BASE": "0.1",
    },
)
# On a busy machine, an error may take longer than a short timeout: only the case that is about one has it.
TWO_SHORT_ATTEMPTS = Setup(
    "two attempts, a short timeout", {**TWO_ATTEMPTS.settings, "DUALSTREAM_FIRST_TOKEN_TIMEOUT": "2"}
)
SETUPS: Final[Sequence[Setup]] = (ONE_ATTEMPT, SHORT_TIMEOUTS, TWO_ATTEMPTS, TWO_SHORT_ATTEMPTS, *SCRIPTED_SETUPS)


def _sim(settings: str) -> str:
    return f"sim?ttft=0&speed=0&length=300&{settings}"


_SIMULATED = (
    Case(
        name="429",
        fault="429 with Retry-After",
        setup=ONE_ATTEMPT,
        model=_sim("fault=429"),
        expected=_error(Code.RATE_LIMIT, "none"),
        ended_by=None,
    ),
    Case(
        name="500",
        fault="500",
        setup=ONE_ATTEMPT,
        model=_sim("fault=500"),
        expected=_error(Code.SERVER_ERROR, "none"),
        ended_by=None,
    ),
    Case(
        name="401",
        fault="401: the key is refused",
        setup=ONE_ATTEMPT,
        model=_sim("fault=401"),
        expected=_error(Code.PROVIDER_AUTH, "none", retryable=False),
        ended_by=None,
    ),
    Case(
        name="html",
        fault="200 with a web page",
        setup=ONE_ATTEMPT,
        model=_sim("fault=html"),
        expected=_error(Code.UPSTREAM_PROTOCOL, "none", retryable=False),
        ended_by="either",
    ),
    Case(
        name="refuse",
        fault="the connection is reset without a response",
        setup=ONE_ATTEMPT,
        model=_sim("fault=refuse"),
        expected=_error(Code.NETWORK_ERROR, "none"),
        ended_by="server",
    ),
    Case(
        name="drop",
        fault="the connection is closed after 5 chunks",
        setup=ONE_ATTEMPT,
        model=_sim("fault=drop"),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="server",
    ),
    Case(
        name="drop at the start",
        fault="the connection is closed before the first chunk",
        setup=ONE_ATTEMPT,
        model=_sim("fault=drop&after=0"),
        expected=_error(Code.TRUNCATED, "none"),
        ended_by="server",
    ),
    Case(
        name="truncate",
        fault="a clean end after 5 chunks, without an end marker",
        setup=ONE_ATTEMPT,
        model=_sim("fault=truncate"),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="either",
    ),
    Case(
        name="garbage",
        fault="a malformed line, then the rest of the stream",
        setup=ONE_ATTEMPT,
        model=_sim("fault=garbage"),
        expected=_error(Code.UPSTREAM_PROTOCOL, "prefix"),
        ended_by="either",
    ),
    Case(
        name="error",
        fault="an error object within the stream",
        setup=ONE_ATTEMPT,
        model=_sim("fault=error"),
        expected=_error(Code.SERVER_ERROR, "prefix"),
        ended_by="either",
    ),
    Case(
        name="trickle",
        fault="each byte in a write of its own",
        setup=ONE_ATTEMPT,
        model="sim?ttft=0&speed=500&length=200&language=emoji&fault=trickle",
        expected=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="hugeline",
        fault="an event of several MiB, above the gateway's limit of 1 MiB",
        setup=ONE_ATTEMPT,
        model=_sim("fault=hugeline"),
        expected=_error(Code.EVENT_TOO_LARGE, "prefix", retryable=False),
        ended_by="client",
    ),
    Case(
        name="too long",
        fault="more text than the gateway's output limit",
        setup=ONE_ATTEMPT,
        model="sim?ttft=0&speed=0&length=40000",
        expected=_error(Code.OUTPUT_LIMIT, "prefix", retryable=False),
        ended_by="either",
    ),
    Case(
        name="too slow",
        fault="5 characters per second, below the minimum of 20",
        setup=ONE_ATTEMPT,
        model="sim?ttft=0&speed=5&length=1000",
        expected=_error(Code.TOO_SLOW, "prefix"),
        ended_by="client",
    ),
    Case(
        name="stall",
        fault="silence after 5 chunks",
        setup=SHORT_TIMEOUTS,
        model=_sim("fault=stall"),
        expected=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="stall at the start",
        fault="silence before the first chunk",
        setup=SHORT_TIMEOUTS,
        model=_sim("fault=stall&after=0"),
        expected=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="pings",
        fault="only comments and empty deltas after 5 chunks",
        setup=SHORT_TIMEOUTS,
        model=_sim("fault=pings"),
        expected=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="pings at the start",
        fault="only comments and empty deltas",
        setup=SHORT_TIMEOUTS,
        model=_sim("fault=pings&after=0"),
        expected=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="total timeout",
        fault="a stream that is longer than the total timeout",
        setup=SHORT_TIMEOUTS,
        model="sim?ttft=0&speed=40&length=10000",
        expected=_error(Code.TIMEOUT, "prefix"),
        ended_by="client",
    ),
)

_RETRIED = (
    Case(
        name="429, retried",
        fault="429 with `Retry-After: 1`, twice",
        setup=TWO_ATTEMPTS,
        model=_sim("fault=429"),
        expected=_error(Code.RATE_LIMIT, "none", retried=[Code.RATE_LIMIT], wait=1000),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="500, retried",
        fault="500, twice",
        setup=TWO_ATTEMPTS,
        model=_sim("fault=500"),
        expected=_error(Code.SERVER_ERROR, "none", retried=[Code.SERVER_ERROR]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="401, not retried",
        fault="401: the key is refused",
        setup=TWO_ATTEMPTS,
        model=_sim("fault=401"),
        expected=_error(Code.PROVIDER_AUTH, "none", retryable=False),
        ended_by=None,
    ),
    Case(
        name="drop at the start, retried",
        fault="the connection is closed before the first chunk, twice",
        setup=TWO_ATTEMPTS,
        model=_sim("fault=drop&after=0"),
        expected=_error(Code.TRUNCATED, "none", retried=[Code.TRUNCATED]),
        calls=2,
        ended_by="server",
    ),
    Case(
        name="drop, not retried",
        fault="the connection is closed after 5 chunks",
        setup=TWO_ATTEMPTS,
        model=_sim("fault=drop"),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="server",
    ),
    Case(
        name="reset, then success",
        fault="the network resets the first connection",
        setup=TWO_ATTEMPTS,
        modes=(Reset(), Pass()),
        expected=Expected(retried=[Code.NETWORK_ERROR]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="black hole, then success",
        fault="the network forwards nothing of the first call",
        setup=TWO_SHORT_ATTEMPTS,
        modes=(BlackHole(), Pass()),
        expected=Expected(retried=[Code.FIRST_TOKEN_TIMEOUT]),
        calls=2,
        ended_by=None,
    ),
    Case(
        name="reset in the text, not retried",
        fault="the network resets the first connection after some chunks",
        setup=TWO_ATTEMPTS,
        modes=(Reset(FIRST_BYTES), Pass()),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
)

_NETWORK = (
    Case(
        name="latency",
        fault="200 ms in each direction",
        setup=ONE_ATTEMPT,
        modes=(Latency(0.2),),
        expected=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="reset",
        fault="RST as soon as the request has arrived",
        setup=ONE_ATTEMPT,
        modes=(Reset(),),
        expected=_error(Code.NETWORK_ERROR, "none"),
        ended_by="proxy",
    ),
    Case(
        name="reset in the text",
        fault=f"RST after {FIRST_BYTES} bytes of the response",
        setup=ONE_ATTEMPT,
        modes=(Reset(FIRST_BYTES),),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
    Case(
        name="half-close",
        fault=f"FIN after {FIRST_BYTES} bytes of the response",
        setup=ONE_ATTEMPT,
        modes=(HalfClose(FIRST_BYTES),),
        expected=_error(Code.TRUNCATED, "prefix"),
        ended_by="proxy",
    ),
    Case(
        name="black hole",
        fault="connections are accepted, nothing is forwarded",
        setup=SHORT_TIMEOUTS,
        modes=(BlackHole(),),
        expected=_error(Code.FIRST_TOKEN_TIMEOUT, "none"),
        ended_by="client",
    ),
    Case(
        name="black hole in the text",
        fault=f"nothing is forwarded after {FIRST_BYTES} bytes",
        setup=SHORT_TIMEOUTS,
        modes=(BlackHole(FIRST_BYTES),),
        expected=_error(Code.STALLED, "prefix"),
        ended_by="client",
    ),
    Case(
        name="byte by byte",
        fault="one byte of the response at a time",
        setup=ONE_ATTEMPT,
        model="sim?ttft=0&speed=0&length=100&language=vietnamese",
        modes=(ByteByByte(),),
        expected=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="low bandwidth",
        fault="20,000 bytes per second",
        setup=ONE_ATTEMPT,
        modes=(Bandwidth(20_000),),
        expected=COMPLETE,
        ended_by=None,
    ),
    Case(
        name="closed port",
        fault="connections are refused",
        setup=ONE_ATTEMPT,
        modes=(Refuse(),),
        expected=_error(Code.NETWORK_ERROR, "none"),
        calls=0,
        ended_by=None,
    ),
    Case(
        name="full backlog",
        fault="connections are never accepted",
        setup=SHORT_TIMEOUTS,
        modes=(FullBacklog(),),
        expected=_error(Code.NETWORK_ERROR, "none"),
        calls=0,
        ended_by=None,
    ),
)

GROUPS: Final[Mapping[str, Sequence[Case]]] = {
    "A provider that refuses, breaks off or is slow": _SIMULATED,
    "The network between": _NETWORK,
    "Retries": _RETRIED,
    "Errors in a response of status 200": ERRORS_IN_A_SUCCESS,
    "Streams that are odd, and right": ODD_STREAMS,
    "A kept connection that breaks": BROKEN_KEPT,
}
"""The cases by their kind; the page has a table for each."""

CASES: Final[Sequence[Case]] = [case for cases in GROUPS.values() for case in cases]
