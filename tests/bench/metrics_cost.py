"""What the metrics cost: `python -m tests.bench.metrics_cost`. The result for a chunk is a ratio, with against without.

A chunk takes the whole path alone, as in `calls`, and the CPU time of the gateway's thread is measured in blocks of
some chunks. In one stream, blocks with and without metrics take turns, and each is compared with its neighbour: so what
else the machine does hits both. "Without" leaves out what is done for each chunk but two lengths and a stored float.

Then a scrape is measured: how long it takes, and how long its longest piece holds up everything else.
"""

import gc
import threading
import time
from itertools import pairwise
from math import inf
from statistics import median, quantiles
from typing import Final

from gateway.pipeline.hedged_call import HedgedCall
from gateway.telemetry.metrics import names
from gateway.telemetry.metrics.chunk_times import ChunkTimes
from gateway.telemetry.metrics.exposition import negotiate, write
from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.metrics.registry import Registry
from tests.bench.calls import TRANSPORTS, WARM_UP, measure

BLOCK: Final = 20
"""Chunks of one block."""

ROUNDS: Final = 24
"""Streams over each transport."""

SERIES: Final = (50, 1000)


class Blocks:
    """Measures blocks of one stream, of which every second one is without metrics; `times` are in seconds per chunk."""

    def __init__(self) -> None:
        self.times: list[tuple[bool, float]] = []
        self._clock = 0
        self._began = 0.0
        self._call: HedgedCall | None = None
        self._metrics: ChunkTimes | None = None

    def start(self) -> None:
        """Measure this thread."""
        self._clock = time.pthread_getcpuclockid(threading.get_ident())

    def on_chunk(self, number: int) -> None:
        """End a block, and begin another."""
        done = number - WARM_UP + 1
        if done < 0 or done % BLOCK:
            return
        spent = time.clock_gettime(self._clock) - self._began
        if self._call is None:
            (self._call,) = (found for found in gc.get_objects() if type(found) is HedgedCall)
            self._metrics = self._call._chunk_times
            assert self._metrics is not None
        else:
            is_measured = self._call._chunk_times is not None
            self.times.append((is_measured, spent / BLOCK))
            self._call._chunk_times = None if is_measured else self._metrics
        self._began = time.clock_gettime(self._clock)


def compare(transport: str) -> str:
    """Return the figures of a transport as a line."""
    ratios, added = list[float](), list[float]()
    for _ in range(ROUNDS):
        blocks = Blocks()
        measure(transport, blocks)
        for (first_measured, first), (_, second) in pairwise(blocks.times):
            on, off = (first, second) if first_measured else (second, first)
            ratios.append(on / off)
            added.append(on - off)
    low, _, high = quantiles(ratios, n=4)
    return (
        f"{transport}: {median(ratios):.3f} times the CPU of a chunk without metrics ({median(added) * 1e6:+.2f} µs; "
        f"quartiles of {len(ratios)} pairs {low:.3f} and {high:.3f})"
    )


def count_together(chunks: int = 50) -> float:
    """Return the time for which the chunks of a second are counted, divided by their number; in seconds."""
    best = inf
    for _ in range(200):
        times = ChunkTimes(Histogram(names.GAP_SECONDS), Histogram(names.DELAY_SECONDS))
        times.due = inf
        for number in range(chunks):
            times.record(1 + number / chunks, 1 + number / chunks + 0.00005)
        began = time.thread_time()
        times.flush()
        best = min(best, time.thread_time() - began)
    return best / chunks


def scrape(series: int) -> str:
    """Return what a scrape of so many histograms takes."""
    registry = Registry()
    for number in range(series):
        registry._histograms.setdefault(names.QUEUE_WAIT, {})[f"model-{number}",] = registry.histogram(
            names.QUEUE_WAIT, "model"
        )
    encoder, _ = negotiate(None)
    at, times, size = time.thread_time(), list[float](), 0
    snapshot = registry.snapshot()
    times.append(time.thread_time() - at)
    at = time.thread_time()
    for piece in write(snapshot, encoder):
        times.append(time.thread_time() - at)
        size += len(piece)
        at = time.thread_time()
    whole, samples = sum(times), series * (len(names.QUEUE_WAIT.buckets) + 3)
    return (
        f"a scrape of {series:,} histograms ({samples:,} samples, {size >> 10:,} KB): {whole * 1000:.0f} ms, in pieces "
        f"of {median(times) * 1000:.2f} ms, at most {max(times) * 1000:.2f} ms"
    )


def main() -> None:
    """Print all figures."""
    for transport in TRANSPORTS:
        print(compare(transport), flush=True)
    print(f"and {count_together() * 1e6:.2f} µs a chunk when those of a second are counted together")
    for series in SERIES:
        print(scrape(series))


if __name__ == "__main__":
    main()
