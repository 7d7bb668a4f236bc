"""The names of metrics in PromQL expressions."""

import re
from collections.abc import Iterable
from typing import Final

from gateway.telemetry.metrics.metric import Kind
from gateway.telemetry.metrics.names import METRICS

SUFFIXES: Final = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}

OF_PROMETHEUS: Final = frozenset({"up", "ALERTS"})
"""Series that Prometheus makes itself."""

_STRING_OR_LABELS: Final = re.compile(r'"[^"]*"|\b(?:by|without|on|ignoring)\s*\([^)]*\)')
_NAME: Final = re.compile(r"(?<![\w$.])([a-zA-Z_][a-zA-Z0-9_]*)\b(?!\s*\()")
_WORDS: Final = frozenset({"and", "or", "unless", "offset", "bool"})


def exposed() -> frozenset[str]:
    """Return the names of all series that a gateway exposes."""
    return frozenset(f"{name}{suffix}" for name, metric in METRICS.items() for suffix in SUFFIXES[metric.kind])


def named(expression: str) -> frozenset[str]:
    """Return the names of the series that an expression reads."""
    without_selectors = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", _STRING_OR_LABELS.sub("", expression))
    without_durations = re.sub(r"\boffset\s+\w+", "", without_selectors)
    return frozenset(_NAME.findall(without_durations)) - _WORDS


def unknown(expressions: Iterable[str]) -> set[str]:
    """Return the names in expressions that no gateway exposes."""
    return {name for expression in expressions for name in named(expression)} - exposed() - OF_PROMETHEUS
