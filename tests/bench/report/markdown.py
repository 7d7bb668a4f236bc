"""The tables of the documentation, written from results between marks. Pure."""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from tests.bench.metric import (
    CLOSE,
    CLOSE_WORST,
    CPU_PER_REQUEST,
    CPU_PER_TOKEN,
    DELAY,
    DELAY_WORST,
    KERNEL_PER_TOKEN,
    MEMORY_PER_STREAM,
    PAST_FENCE,
    START_CPU,
    START_MEMORY,
    STORE_PER_TOKEN,
    USER_PER_TOKEN,
    Metric,
)
from tests.bench.report import sentences
from tests.bench.report.goals import GOALS, MOST_OF_NATIVE, Goal
from tests.bench.report.table import (
    NOTHING,
    describe_noise,
    format_cell,
    format_figure,
    format_spread,
    table_lines,
)
from tests.bench.results import Results
from tests.bench.scenarios import DIALECTS, NATIVE, OTHERS, REDIS
from tests.bench.targets import AGAINST, title_of

MARK: Final = re.compile(r"(?P<begin><!-- bench:(?P<name>[a-z]+) -->)(?P<text>.*?)(?P<end><!-- /bench -->)", re.DOTALL)
"""A part of a page that is written from results."""

GOAL_TARGETS: Final = ("nginx", "express", *NATIVE, "chat")
SAME: Final = 0.05
"""Relative difference that is none."""


class UnknownPartError(Exception):
    """A page has a mark that no part belongs to."""


def fill(page: str, results: Results) -> str:
    """Return a page whose parts between marks are written from results.

    Raises:
        UnknownPartError: there is no such part.
    """

    def write(mark: re.Match[str]) -> str:
        if mark["name"] not in PARTS:
            raise UnknownPartError(mark["name"])
        return f"{mark['begin']}{PARTS[mark['name']](results)}{mark['end']}"

    return MARK.sub(write, page)


def _conditions(results: Results) -> str:
    machine = results.machine
    place = f"{machine.get('processor', '')}, {machine.get('cores', '')} cores, {machine.get('kernel', '')}"
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    skipped = "".join(f" Left out: {title_of(name)}: {reason}." for name, reason in results.skipped.items())
    text = (
        f"Measured {results.taken} on {place}, in one run of {results.seconds:.0f} s, {results.runs} times in turns; "
        f"{versions}. Noise: {describe_noise(results)}.{skipped}"
    )
    return f"\n{textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)}\n"


def _goals(results: Results) -> str:
    head = ("", *map(title_of, GOAL_TARGETS), "goal, SSE / WebSocket", "met")
    return _table(head, (_goal_cells(results, goal) for goal in GOALS))


def _goal_cells(results: Results, goal: Goal) -> Sequence[str]:
    figures = [_with_spread(results, goal.row, target, goal.metric, goal.of) for target in GOAL_TARGETS]
    unit = " x" if goal.of else f" {goal.metric.unit}"
    limits = " / ".join(f"{goal.limits[target]:g}" if target in goal.limits else NOTHING for target in NATIVE)
    return (f"{goal.title}: {goal.metric.title}, {goal.metric.unit}", *figures, limits + unit, _met(results, goal))


def _met(results: Results, goal: Goal) -> str:
    verdicts = {}
    for target, limit in goal.limits.items():
        value = results.figure(goal.row, target, goal.metric.name)
        divisor = results.figure(goal.row, goal.of, goal.metric.name) if goal.of else 1.0
        if value is not None and divisor:
            verdicts[target] = "yes" if value / divisor <= limit else "**no**"
    if len(set(verdicts.values())) == 1:
        return next(iter(verdicts.values()))
    return ", ".join(f"{title_of(target)} {verdict}" for target, verdict in verdicts.items()) or NOTHING


def _with_spread(results: Results, row: str, target: str, metric: Metric, of: str = "") -> str:
    value = results.figure(row, target, metric.name)
    if value is None:
        return format_cell(results, row, target, metric)
    spread = format_spread(results, row, target, metric)
    text = f"{value:,.{metric.digits}f}" + (f" ({spread})" if spread else "")
    divisor = results.figure(row, of, metric.name) if of and of != target else None
    return f"{text}, {value / divisor:.2f} x" if divisor else text


def _targets(results: Results) -> str:
    head = (
        "",
        "CPU per token, µs",
        "user",
        "kernel",
        "store",
        "÷ nginx",
        "÷ SSE",
        f"at most {MOST_OF_NATIVE:g}",
        "short answer, ms",
        "until it listens, CPU s",
        "its memory then, MB",
    )
    shown = ("nginx", *NATIVE, *DIALECTS, REDIS, "express", "litellm")
    return _table(head, (_target_cells(results, target) for target in shown if target in results.targets))


def _target_cells(results: Results, target: str) -> Sequence[str]:
    ratio = _ratio(results, "steady", CPU_PER_TOKEN, target, "sse")
    is_bounded = target in {*DIALECTS, REDIS} and ratio is not None
    verdict = ("yes" if ratio <= MOST_OF_NATIVE else "**no**") if is_bounded and ratio is not None else ""
    return (
        title_of(target),
        _with_spread(results, "steady", target, CPU_PER_TOKEN),
        *(_number(results, "steady", target, metric) for metric in (USER_PER_TOKEN, KERNEL_PER_TOKEN, STORE_PER_TOKEN)),
        _two_digits(_ratio(results, "steady", CPU_PER_TOKEN, target, "nginx")),
        _two_digits(ratio),
        verdict,
        _with_spread(results, "short", target, CPU_PER_REQUEST),
        _number(results, "start-up", target, START_CPU),
        _number(results, "start-up", target, START_MEMORY),
    )


def _figures(results: Results) -> str:
    shown = [target for target in (*NATIVE, "chat", *OTHERS, "poll") if target in results.targets]
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for line in table_lines(results):
        cells.setdefault((line.title, line.metric), {})[line.target] = line.median
    head = ("", "", *map(title_of, shown))
    return _table(
        head,
        ((title, metric, *(found.get(target, "") for target in shown)) for (title, metric), found in cells.items()),
    )


def _changes(results: Results) -> str:
    revisions = {target.partition(AGAINST)[2] for target in results.targets if AGAINST in target}
    if not revisions:
        return "\nThe last stored run had no other revision to be compared with.\n"
    (revision,) = revisions
    shown = [target for target in (*NATIVE, *DIALECTS, REDIS) if f"{target}{AGAINST}{revision}" in results.targets]
    head = (f"{revision} → now", *map(title_of, shown))
    return _table(
        head,
        (
            (
                f"{goal.title}: {goal.metric.title}",
                *(_change(results, goal.row, target, f"{target}{AGAINST}{revision}", goal.metric) for target in shown),
            )
            for goal in GOALS
        ),
    )


def _change(results: Results, row: str, target: str, other: str, metric: Metric) -> str:
    before, now = results.figure(row, other, metric.name), results.figure(row, target, metric.name)
    if before is None or now is None:
        return ""
    relative = f" ({now / before - 1:+.0%})" if before else ""
    return f"{before:,.{metric.digits}f} → {format_figure(now, metric)}{relative}"


TRANSPORT_ROWS: Final = (
    ("CPU per token, 100 streams at 50 tokens a second", "paced-100", "paced-100", (CPU_PER_TOKEN,)),
    ("CPU per token, 500 streams", "paced-500", "paced-500", (CPU_PER_TOKEN,)),
    ("CPU per token in a burst", "firehose", "firehose", (CPU_PER_TOKEN,)),
    ("delay that the gateway adds, 500 streams, p50 / p99", "paced-500", "paced-500", (DELAY, DELAY_WORST)),
    ("a whole short answer; a WebSocket each", "short", "short", (CPU_PER_REQUEST,)),
    ("a whole short answer; one WebSocket after another answer", "short", "short-reused", (CPU_PER_REQUEST,)),
    ("memory of an open, idle stream", "idle", "idle", (MEMORY_PER_STREAM,)),
    (
        "stop at 200 running streams: command sent → provider's socket closed, p50 / p99",
        "interrupt",
        "interrupt",
        (CLOSE, CLOSE_WORST),
    ),
    ("events after a stop", "interrupt", "interrupt", (PAST_FENCE,)),
    ("client gone → provider's socket closed, p50 / p99", "leave", "leave", (CLOSE, CLOSE_WORST)),
)
"""Title, row over SSE, row over WebSocket, figures; the first figure of both is compared."""


def _transports(results: Results) -> str:
    return _table(
        ("", *map(title_of, NATIVE), "difference"),
        (
            (
                title,
                " / ".join(format_cell(results, sse_row, "sse", metric) for metric in metrics),
                " / ".join(format_cell(results, websocket_row, "websocket", metric) for metric in metrics),
                _difference(
                    results.figure(sse_row, "sse", metrics[0].name),
                    results.figure(websocket_row, "websocket", metrics[0].name),
                ),
            )
            for title, sse_row, websocket_row, metrics in TRANSPORT_ROWS
        ),
    )


def _difference(sse: float | None, websocket: float | None) -> str:
    high = max(sse or 0, websocket or 0)
    if sse is None or websocket is None or not high:
        return ""
    if abs(sse - websocket) / high < SAME:
        return "none"
    return f"{title_of('sse' if sse < websocket else 'websocket')} {abs(sse - websocket) / high:.0%} less"


COALESCED: Final = ((50, 0), (50, 100), (200, 0), (200, 100))
"""Tokens per second and milliseconds of the rows of coalesced text."""


def _coalesced(results: Results) -> str:
    head = (
        "tokens per second",
        "`coalesce_ms`",
        *map(title_of, NATIVE),
        *(f"{title_of(name)}, delay" for name in NATIVE),
    )
    return _table(
        head,
        (
            (
                str(rate),
                str(milliseconds),
                *(_with_saving(results, rate, milliseconds, target) for target in NATIVE),
                *(format_cell(results, f"coalesce-{rate}-{milliseconds}", target, DELAY) for target in NATIVE),
            )
            for rate, milliseconds in COALESCED
        ),
    )


def _with_saving(results: Results, rate: int, milliseconds: int, target: str) -> str:
    row, alone = f"coalesce-{rate}-{milliseconds}", f"coalesce-{rate}-0"
    text = _with_spread(results, row, target, CPU_PER_TOKEN)
    value, divisor = (results.figure(name, target, CPU_PER_TOKEN.name) for name in (row, alone))
    return f"{text}, {value / divisor - 1:+.0%}" if value is not None and divisor and row != alone else text


PARTS: Final[Mapping[str, Callable[[Results], str]]] = {
    "conditions": _conditions,
    "goals": _goals,
    "targets": _targets,
    "changes": _changes,
    "figures": _figures,
    "coalesced": _coalesced,
    "transports": _transports,
    "cost": sentences.cost,
    "overhead": sentences.overhead,
    "idle": sentences.idle,
    "close": sentences.close,
}
"""What is written between marks, by their names."""


def _ratio(results: Results, row: str, metric: Metric, target: str, other: str) -> float | None:
    value, divisor = results.figure(row, target, metric.name), results.figure(row, other, metric.name)
    return value / divisor if value is not None and divisor and target != other else None


def _two_digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _number(results: Results, row: str, target: str, metric: Metric) -> str:
    value = results.figure(row, target, metric.name)
    return "" if value is None else f"{value:,.{metric.digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
