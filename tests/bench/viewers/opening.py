"""How all viewers come: the time, the memory, and how the gateway fares meanwhile."""

import time
from typing import Final

from tests.bench.messages import Request
from tests.bench.viewers.bed import Bed, Phase, slab
from tests.bench.viewers.orders import Open

OPENING_SECONDS: Final = 180.0


def open_viewers(bed: Bed, request: Request, viewers: int, in_flight: int) -> None:
    """Open all viewers, and add the figures of it."""
    memory, kernel, phase = bed.memory(), slab(), Phase(bed)
    opened = bed.tell(Open(bed.port, request, viewers, in_flight, OPENING_SECONDS), OPENING_SECONDS)
    cpu = phase.stop("open")
    seconds, failures = opened["seconds"], opened["failures"]
    assert isinstance(seconds, float)
    assert isinstance(failures, dict)
    bed.problems += [f"{count} of {viewers} viewers: {why}" for why, count in failures.items()]
    bed.add_spread("accept", opened["accepted"])
    # What starts took is released by then; memory is compared at rest.
    time.sleep(min(1.0, seconds))
    after = bed.memory()
    bed.figures |= {
        "viewers": float(viewers),
        "open_seconds": seconds,
        "open_ms_per_viewer": cpu / 1e6 / viewers,
        "memory_before_mb": memory / 2**20,
        "memory_mb": after / 2**20,
        "kb_per_viewer": (after - memory) / 1024 / viewers,
        "kernel_kb_per_viewer": (slab() - kernel) / 1024 / viewers,
    }
