"""Streams with a generation each: opened, silent, at one token a second, some interrupted, ended."""

import time
from typing import Final

from tests.bench.figures import spread
from tests.bench.messages import AnswerSpec
from tests.bench.targets import Target
from tests.bench.viewers.bed import Bed, Phase
from tests.bench.viewers.opening import open_viewers
from tests.bench.viewers.orders import MILLISECOND, Begin, Finish, Interrupt, Look
from tests.bench.viewers.size import Size

PAGES: Final = {"metrics": "/metrics", "list": "/api/generations", "stats": "/api/stats"}
"""What operators read while all streams run."""

CLOSING_SECONDS: Final = 2.0
"""Time for the last connections to the provider to be closed."""

ENDING_SECONDS: Final = 120.0


def measure(bed: Bed, target: Target, size: Size, streams: int) -> None:
    """Run the scenario, and add its figures and problems."""
    answer = AnswerSpec(size.own_tokens, interval_ms=size.interval_ms, kind="held")
    open_viewers(bed, target.request(answer), streams, size.in_flight)
    _idle(bed, size)
    bed.release()
    time.sleep(size.settle_seconds)
    _load(bed, size)
    _interrupt(bed, size)
    for name, path in PAGES.items():
        bed.figures[f"{name}_ms"] = bed.request(path)
    _finish(bed, answer.tokens, streams, size)


def _idle(bed: Bed, size: Size) -> None:
    phase = Phase(bed)
    time.sleep(size.idle_seconds)
    phase.stop("idle")


def _load(bed: Bed, size: Size) -> None:
    bed.tell(Begin())
    phase, before = Phase(bed), bed.provider_stats().tokens
    time.sleep(size.load_seconds)
    cpu, window = phase.stop("load"), bed.tell(Look())
    tokens = bed.provider_stats().tokens - before
    bed.figures["cpu_us_per_token"] = cpu / 1000 / max(1, tokens)
    bed.add_spread("delay", window["delay"])
    bed.figures["load_memory_mb"] = bed.memory() / 2**20


def _interrupt(bed: Bed, size: Size) -> None:
    reply = bed.tell(Interrupt(size.interrupts, size.interrupt_pause), size.interrupts * size.interrupt_pause)
    sent = reply["sent"]
    assert isinstance(sent, list)
    time.sleep(min(CLOSING_SECONDS, size.load_seconds))
    closes = {stream: at for stream, at, _ in bed.provider_stats().closes}
    times = [(closes[stream] - at) / MILLISECOND for stream, at in sent if stream in closes]
    bed.add_spread("interrupt", spread(times))
    if len(times) < len(sent):
        bed.problems.append(f"{len(sent) - len(times)} of {len(sent)} interrupted streams never closed at the provider")


def _finish(bed: Bed, tokens: int, streams: int, size: Size) -> None:
    finished = bed.tell(Finish(tokens, ENDING_SECONDS), ENDING_SECONDS)
    expected = {"complete": streams - size.interrupts, "interrupted": size.interrupts}
    bed.check_end(finished, expected)
    bed.figures["ended_memory_mb"] = bed.memory() / 2**20
