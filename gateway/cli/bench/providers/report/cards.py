"""The charts of the page, one per card. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.cli.bench.charts import Bar, Strip, bars, strips
from gateway.cli.bench.document import chart_card, shade
from gateway.cli.bench.formats import UNKNOWN, money, ms, number, percent
from gateway.cli.bench.providers.figures import REQUESTS, Spread, p50, p95
from gateway.cli.bench.providers.report.table import estimated, model
from gateway.cli.bench.providers.results import Line, Results


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar per target. `max_value` is the end of its thin line, if it has one."""

    title: str
    about: str
    value: Callable[[Line], float | None]
    write: Callable[[Line], str]
    max_value: Callable[[Line], float | None] = lambda _line: None


@dataclass(frozen=True, slots=True)
class DrawnTarget:
    """A target in the charts; `shade` is the class of its colour."""

    line: Line
    title: str
    shade: str


def cards(results: Results) -> str:
    """Draw all charts: times first, then speed and cost."""
    targets, month = _targets(results.lines), f"A month at {results.savings.daily_tokens:,} tokens a day"
    drawn = [
        chart_card(TTFT.title, TTFT.about, _bars(TTFT, targets)),
        chart_card("Every time to first token", "Each dot is an answered request.", _dots(targets)),
        *(chart_card(chart.title, chart.about, _bars(chart, targets)) for chart in CHARTS),
        chart_card(month, MONTH.about, _bars(MONTH, targets)),
    ]
    return f"<div class=cards>{''.join(drawn)}</div>\n"


def _targets(lines: Sequence[Line]) -> list[DrawnTarget]:
    """Return the targets with titles and colours; without the provider if it is the same for all, to save room."""
    same_provider = len({line.subject.provider for line in lines}) == 1
    return [
        DrawnTarget(line, model(line) if same_provider else line.subject.label, shade(index))
        for index, line in enumerate(lines)
    ]


def _bars(chart: Chart, targets: Sequence[DrawnTarget]) -> str:
    return bars([_bar(chart, target) for target in targets])


def _bar(chart: Chart, target: DrawnTarget) -> Bar:
    value, max_value = chart.value(target.line), chart.max_value(target.line)
    return Bar(target.shade, target.title, chart.write(target.line), value, value or 0.0, max_value or 0.0)


def _dots(targets: Sequence[DrawnTarget]) -> str:
    return strips([Strip(target.shade, target.title, _ttfts(target.line)) for target in targets], ms)


def _ttfts(line: Line) -> list[float]:
    return [sample.ttft for sample in line.samples if sample.ttft is not None and sample.failure is None]


def _both(spread: Spread | None) -> str:
    return UNKNOWN if spread is None else f"{ms(spread.p50)} · {ms(spread.p95)}"


def _month(line: Line) -> str:
    """Return the cost of a month, and the saved share of the baseline's cost."""
    saved = line.saving.percent
    return money(line.saving.monthly) + (f" (-{percent(saved)})" if saved is not None and round(saved) > 0 else "")


TTFT = Chart(
    "Time to first token",
    "p50; the thin line ends at p95. Lower is better.",
    lambda line: p50(line.figures.ttft),
    lambda line: _both(line.figures.ttft),
    lambda line: p95(line.figures.ttft),
)
CHARTS = (
    Chart(
        "Complete answer",
        "From request to end mark, p50; thin line to p95. Lower is better.",
        lambda line: p50(line.figures.duration),
        lambda line: _both(line.figures.duration),
        lambda line: p95(line.figures.duration),
    ),
    Chart(
        "Gap between chunks, p95",
        "Lower is smoother.",
        lambda line: line.figures.gap_p95,
        lambda line: ms(line.figures.gap_p95),
    ),
    Chart(
        "Characters a second",
        "Of the stream after its first read. Higher is better.",
        lambda line: line.figures.chars_per_s,
        lambda line: number(line.figures.chars_per_s),
    ),
    Chart(
        "Tokens a second",
        "Of the stream after its first read. Higher is better.",
        lambda line: line.figures.tokens_per_s,
        lambda line: estimated(line.figures, number(line.figures.tokens_per_s, 1)),
    ),
    Chart(
        f"Cost of {REQUESTS:,} requests",
        "Requests like the measured ones. Lower is better.",
        lambda line: line.figures.cost_of_many,
        lambda line: estimated(line.figures, money(line.figures.cost_of_many)),
    ),
)
MONTH = Chart("", "In brackets: the difference from the baseline.", lambda line: line.saving.monthly, _month)
