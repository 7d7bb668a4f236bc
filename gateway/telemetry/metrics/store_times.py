"""How long the shared store takes. Pure."""

from dataclasses import dataclass, field

from gateway.telemetry.metrics.histogram import Histogram
from gateway.telemetry.metrics.names import STORE_SECONDS


@dataclass(slots=True)
class StoreTimes:
    """Durations of writes of batches, and of reads from the message that announced something new; in seconds."""

    writes: Histogram = field(default_factory=lambda: Histogram(STORE_SECONDS))
    reads: Histogram = field(default_factory=lambda: Histogram(STORE_SECONDS))
