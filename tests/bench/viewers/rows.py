"""The figures that are shown, in their order. Pure."""

from dataclasses import dataclass
from typing import Final

from tests.bench.figures import Figures

NOTHING: Final = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: figures of one unit, separated by slashes."""

    title: str
    names: tuple[str, ...]
    unit: str
    digits: int = 1

    def format(self, figures: Figures) -> str:
        """Return the cell of one transport."""
        values = [f"{figures[name]:,.{self.digits}f}" if name in figures else NOTHING for name in self.names]
        return NOTHING if set(values) == {NOTHING} else f"{' / '.join(values)} {self.unit}".rstrip()


def _quantiles(title: str, name: str, digits: int = 1) -> Row:
    return Row(f"{title}, p50 / p99 / max", tuple(f"{name}_{key}_ms" for key in ("p50", "p99", "max")), "ms", digits)


def _cores(title: str, phase: str) -> tuple[Row, ...]:
    return (
        Row(title, (f"{phase}_gateway_cores",), "cores", 3),
        Row(
            "the same of provider / clients / others",
            tuple(f"{phase}_{group}_cores" for group in ("provider", "clients", "others")),
            "cores",
            2,
        ),
    )


_OPENING: Final = (
    Row("viewers", ("viewers",), "", 0),
    Row("time until all are accepted", ("open_seconds",), "s"),
    Row("CPU for each of them", ("open_ms_per_viewer",), "ms", 2),
    _quantiles("from connecting to the first event", "accept", 0),
    _quantiles("`/health` meanwhile", "open_probe"),
    Row("memory before / with all of them", ("memory_before_mb", "memory_mb"), "MB", 0),
    Row("memory for each", ("kb_per_viewer",), "KB"),
    Row("memory of the kernel for each, both ends", ("kernel_kb_per_viewer",), "KB"),
)

SECTIONS: Final[dict[str, tuple[Row, ...]]] = {
    "own": (
        *_OPENING,
        *_cores("CPU while nothing is sent but heartbeats", "idle"),
        _quantiles("`/health` meanwhile", "idle_probe"),
        *_cores("CPU at one token a second each", "load"),
        Row("CPU per token", ("cpu_us_per_token",), "µs"),
        _quantiles("added delay of a token", "delay"),
        _quantiles("`/health` meanwhile", "load_probe"),
        Row("memory then / after all have ended", ("load_memory_mb", "ended_memory_mb"), "MB", 0),
        _quantiles("interrupt → provider sees its connection closed", "interrupt"),
        Row("`/metrics` / `/api/generations` / `/api/stats`", ("metrics_ms", "list_ms", "stats_ms"), "ms", 0),
        Row("tokens received, none lost or twice", ("tokens",), "", 0),
    ),
    "fan-out": (
        *_OPENING,
        *_cores("CPU at five tokens a second", "load"),
        Row("viewer-events", ("events",), "", 0),
        Row("CPU per viewer-event", ("cpu_us_per_event",), "µs"),
        Row("÷ CPU per token of own generations", ("event_ratio",), "", 2),
        _quantiles("delay of the first viewer of an event", "first"),
        _quantiles("delay of the last viewer of an event", "last", 0),
        _quantiles("`/health` meanwhile", "load_probe", 0),
        Row("SIGTERM → all viewers have the end / process ends", ("ended_seconds", "exit_seconds"), "s"),
    ),
}
"""The lines of each scenario."""

TITLES: Final = {"own": "A generation for each viewer", "fan-out": "One generation for all viewers"}


def ratio(own: Figures, fan_out: Figures) -> Figures:
    """Return what one viewer's event costs, divided by what a token of a generation costs with its viewer."""
    if "cpu_us_per_token" in own and "cpu_us_per_event" in fan_out:
        return {"event_ratio": fan_out["cpu_us_per_event"] / own["cpu_us_per_token"]}
    return {}
