"""What a metric is: one entry of the table in `names`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Kind(StrEnum):
    """Type of a metric, by its name in the exposition formats."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Merge = Literal["sum", "max", "min"]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. `name` is that of the family: samples of a counter have `_total` behind it.

    The unit is part of the name (https://prometheus.io/docs/practices/naming/). `convention` is the name in
    OpenTelemetry's semantic conventions, of which `name` is the translation, or "". `merge` says how the values of
    several workers become one.
    """

    name: str
    kind: Kind
    help: str
    labels: Sequence[str] = ()
    unit: str = ""
    buckets: Sequence[float] = ()
    convention: str = ""
    merge: Merge = "sum"

    @property
    def sample(self) -> str:
        """Return the name to query, without the suffixes of a histogram."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name
