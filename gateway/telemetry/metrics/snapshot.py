"""The values of all metrics at one moment; those of several workers can be merged. Pure.

A supervisor of workers imports this module and no other of the gateway's metrics: it knows no names. So a worker of a
newer version, which replaces an older one, may have other metrics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, cast

import orjson

Labels = tuple[str, ...]
"""Values of the labels of one series, in the order of the metric's labels."""

Rule = Literal["add", "sum", "max", "min"]
"""How values are merged. `add` is the sum of what has been counted: it includes workers that have ended."""

_COUNTED: Final = "add"


class Buckets(NamedTuple):
    """The values of a histogram; see `Histogram`."""

    counts: Sequence[int]
    total: float


Value = float | Buckets


@dataclass(slots=True)
class Family:
    """All series of one metric."""

    rule: Rule
    series: dict[Labels, Value] = field(default_factory=dict)


class Snapshot:
    """Families by the name of their metric."""

    def __init__(self, families: dict[str, Family] | None = None) -> None:
        self.families = families or {}

    def set(self, name: str, rule: Rule, labels: Labels, value: Value) -> None:
        """Set the value of a series."""
        family = self.families.get(name)
        if family is None:
            family = self.families[name] = Family(rule)
        family.series[labels] = value

    def merge(self, other: "Snapshot") -> None:
        """Merge the values of another process into these."""
        for name, family in other.families.items():
            ours = self.families.setdefault(name, Family(family.rule))
            for labels, value in family.series.items():
                known = ours.series.get(labels)
                ours.series[labels] = value if known is None else _merged(family.rule, known, value)

    def counted(self) -> "Snapshot":
        """Return what stays when the process has ended: what it has counted, and none of its present state."""
        return Snapshot({name: family for name, family in self.families.items() if family.rule == _COUNTED})

    def encode(self) -> bytes:
        """Return it as JSON."""
        families = {name: [family.rule, [*family.series.items()]] for name, family in self.families.items()}
        # orjson does not take a named tuple for a list.
        return orjson.dumps(families, default=list)


def decode(data: bytes) -> Snapshot:
    """Return the snapshot that was encoded.

    Raises:
        ValueError: this is none.
    """
    families = {}
    try:
        for name, (rule, series) in orjson.loads(data).items():
            families[name] = Family(cast("Rule", rule), {tuple(labels): _value(value) for labels, value in series})
    except (AttributeError, TypeError) as error:
        message = "this is no snapshot of metrics"
        raise ValueError(message) from error
    return Snapshot(families)


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the values of several processes as one."""
    whole = Snapshot()
    for snapshot in snapshots:
        whole.merge(snapshot)
    return whole


def _value(value: float | list[object]) -> Value:
    return Buckets(*cast("tuple[list[int], float]", value)) if isinstance(value, list) else value


def _merged(rule: Rule, value: Value, other: Value) -> Value:
    if isinstance(value, Buckets) or isinstance(other, Buckets):
        return _merged_buckets(value, other)
    if rule == "max":
        return max(value, other)
    return min(value, other) if rule == "min" else value + other


def _merged_buckets(value: Value, other: Value) -> Value:
    """Return the sum of two histograms; the second one alone if the first has other buckets, of another version."""
    if not (isinstance(value, Buckets) and isinstance(other, Buckets)) or len(value.counts) != len(other.counts):
        return other
    counts = [count + more for count, more in zip(value.counts, other.counts, strict=True)]
    return Buckets(counts, value.total + other.total)
