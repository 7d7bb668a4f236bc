"""When each event of a stream is due, and how the stream ends: values in, steps out. Pure; `playback` runs them."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from itertools import count
from random import Random
from typing import Final, NamedTuple

from gateway.simulator.errors import RequestError
from gateway.simulator.formats.base import COMMENT, StreamEncoder
from gateway.simulator.script import Delta, Script, deltas
from gateway.simulator.settings import Fault, SimulatorSettings
from gateway.simulator.stamps import PLACEHOLDER

PING_SECONDS: Final = 0.1
"""Seconds between pings of the fault `pings`; short, so that tests of idle timeouts are quick."""

_MID_STREAM_FAULTS: Final[frozenset[Fault]] = frozenset(
    {"drop", "truncate", "stall", "garbage", "error", "hugeline", "pings"}
)
_CONTINUES_AFTER_FAULT: Final[frozenset[Fault]] = frozenset({"garbage", "hugeline"})
STREAM_FAULTS: Final[frozenset[Fault]] = _MID_STREAM_FAULTS | {"trickle"}
"""Faults that need a stream."""


class End(Enum):
    """How a stream ends, if not cleanly."""

    CUT = "cut"
    SILENCE = "silence"


class Step(NamedTuple):
    """Bytes to send `due` seconds after the request, the number of chunks that they complete, and an unclean end."""

    due: float
    data: bytes
    chunks: int = 1
    end: End | None = None


def timeline(script: Script, settings: SimulatorSettings, encoder: StreamEncoder) -> Iterator[Step]:
    """Return an iterator over the steps of a stream, in the order of their times. With a fault it may be endless."""
    steps = (step for step in _steps(script, settings, encoder) if step.data or step.end)
    return _trickle(steps) if settings.fault == "trickle" else steps


def _steps(script: Script, settings: SimulatorSettings, encoder: StreamEncoder) -> Iterator[Step]:
    due = settings.ttft / 1000
    fault = settings.fault if settings.fault in _MID_STREAM_FAULTS else None
    chunks_left = settings.after
    yield Step(due, encoder.start())
    for due, delta in _schedule(script, settings):
        if fault is not None and delta.kind != "reasoning":
            if chunks_left == 0:
                yield from _fault_steps(fault, due, encoder)
                if fault not in _CONTINUES_AFTER_FAULT:
                    return
                fault = None
            chunks_left -= 1
        yield Step(due, encoder.delta(_stamped(delta) if settings.stamp == "on" else delta))
    if fault is not None:
        yield from _fault_steps(fault, due, encoder)
        if fault not in _CONTINUES_AFTER_FAULT:
            return
    for event in encoder.finish():
        yield Step(due, event)
    yield Step(due, encoder.done(), 0)


def _schedule(script: Script, settings: SimulatorSettings) -> Iterator[tuple[float, Delta]]:
    """Yield each chunk with its time. Jitter moves a chunk and never the schedule, so that the mean speed holds."""
    random = Random(script.seed)  # noqa: S311 -- repeatable by design, not a secret
    seconds_per_character = 1 / settings.speed if settings.speed else 0.0
    scheduled = due = settings.ttft / 1000
    gap = 0.0
    for delta in deltas(script, settings.chunk):
        scheduled += gap
        due = max(due, scheduled + settings.jitter * gap * (random.random() - 0.5))
        yield due, delta
        gap = len(delta.text) * seconds_per_character


def _stamped(delta: Delta) -> Delta:
    return replace(delta, text=PLACEHOLDER + delta.text) if delta.kind == "content" else delta


def _fault_steps(fault: Fault, due: float, encoder: StreamEncoder) -> Iterator[Step]:
    match fault:
        case "drop":
            yield Step(due, b"", 0, End.CUT)
        case "stall":
            yield Step(due, b"", 0, End.SILENCE)
        case "error":
            message = "The simulated model failed within the stream."
            error = RequestError(message, status=500, kind="server_error", code="stream_error")
            yield Step(due, encoder.error(error))
        case "garbage":
            yield Step(due, encoder.malformed())
        case "hugeline":
            yield Step(due, encoder.oversized())
        case "pings":
            for number in count(1):
                yield Step(due + number * PING_SECONDS, COMMENT, 0)
                yield Step(due + number * PING_SECONDS, encoder.keepalive())
        case _:  # "truncate": the body ends here
            return


def _trickle(steps: Iterator[Step]) -> Iterator[Step]:
    """Spread the bytes of each step over the time since the previous step."""
    previous: float | None = None
    for step in steps:
        start = step.due if previous is None else previous
        interval = (step.due - start) / max(len(step.data), 1)
        last = len(step.data) - 1
        for index, byte in enumerate(step.data):
            yield Step(start + (index + 1) * interval, bytes((byte,)), step.chunks if index == last else 0)
        previous = step.due
