"""When each frame of a stream is due and how the stream ends: values in, steps out. The server only plays them."""

from collections.abc import Iterator
from enum import Enum
from itertools import count
from random import Random
from typing import Final, NamedTuple

from gateway.simulator.errors import RequestError
from gateway.simulator.script import Delta, Script, deltas
from gateway.simulator.settings import Fault, Settings
from gateway.simulator.wires.base import COMMENT, Frames

PING_INTERVAL: Final = 0.1
"""Seconds between two pings of the fault `pings`; short, so that a limit on idle time can be tried quickly."""

_WITHIN_STREAM: Final[frozenset[Fault]] = frozenset(
    {"drop", "truncate", "stall", "garbage", "error", "hugeline", "pings"}
)
_GOES_ON: Final[frozenset[Fault]] = frozenset({"garbage", "hugeline"})
STREAM_FAULTS: Final[frozenset[Fault]] = _WITHIN_STREAM | {"trickle"}
"""The faults that only a stream can have."""


class End(Enum):
    """How a stream ends; without a word about it the end is clean."""

    CUT = "cut"
    SILENCE = "silence"


class Step(NamedTuple):
    """Bytes to send `due` seconds after the request, how many chunks end with them, and an end if not clean."""

    due: float
    data: bytes
    chunks: int = 1
    end: End | None = None


def timeline(script: Script, settings: Settings, frames: Frames) -> Iterator[Step]:
    """Give the steps of a stream in the order of their times, lazily, since an answer or a fault may be endless."""
    steps = (step for step in _steps(script, settings, frames) if step.data or step.end)
    return _trickle(steps) if settings.fault == "trickle" else steps


def _steps(script: Script, settings: Settings, frames: Frames) -> Iterator[Step]:
    due = settings.ttft / 1000
    fault = settings.fault if settings.fault in _WITHIN_STREAM else None
    left = settings.after
    yield Step(due, frames.start())
    for due, delta in _paced(script, settings):
        if fault is not None and delta.kind != "reasoning":
            if left == 0:
                yield from _strike(fault, due, frames)
                if fault not in _GOES_ON:
                    return
                fault = None
            left -= 1
        yield Step(due, frames.delta(delta))
    if fault is not None:
        yield from _strike(fault, due, frames)
        if fault not in _GOES_ON:
            return
    for frame in frames.finish():
        yield Step(due, frame)
    yield Step(due, frames.done(), 0)


def _paced(script: Script, settings: Settings) -> Iterator[tuple[float, Delta]]:
    """Give each chunk with its time; jitter moves a chunk off its place on the grid, never the grid, so speed holds."""
    random = Random(script.seed)  # noqa: S311 -- repeatable by design, not a secret
    second = 1 / settings.speed if settings.speed else 0.0
    place = latest = settings.ttft / 1000
    gap = 0.0
    for delta in deltas(script, settings.chunk):
        place += gap
        latest = max(latest, place + settings.jitter * gap * (random.random() - 0.5))
        yield latest, delta
        gap = len(delta.text) * second


def _strike(fault: Fault, due: float, frames: Frames) -> Iterator[Step]:
    match fault:
        case "drop":
            yield Step(due, b"", 0, End.CUT)
        case "stall":
            yield Step(due, b"", 0, End.SILENCE)
        case "error":
            message = "The simulated model failed within the stream."
            broken = RequestError(message, status=500, kind="server_error", code="stream_error")
            yield Step(due, frames.error(broken))
        case "garbage":
            yield Step(due, frames.garbage())
        case "hugeline":
            yield Step(due, frames.huge())
        case "pings":
            for send_heartbeat in count(1):
                yield Step(due + send_heartbeat * PING_INTERVAL, COMMENT, 0)
                yield Step(due + send_heartbeat * PING_INTERVAL, frames.nothing())
        case _:  # "truncate": nothing more comes
            return


def _trickle(steps: Iterator[Step]) -> Iterator[Step]:
    """Spread the bytes of each frame over the time since the frame before it."""
    before: float | None = None
    for step in steps:
        begin = step.due if before is None else before
        share = (step.due - begin) / max(len(step.data), 1)
        last = len(step.data) - 1
        for place, byte in enumerate(step.data):
            yield Step(begin + (place + 1) * share, bytes((byte,)), step.chunks if place == last else 0)
        before = step.due
