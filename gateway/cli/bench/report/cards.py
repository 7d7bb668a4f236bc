"""The charts of the page, each on a card. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from gateway.cli.bench.charts import Bar, Strip, bars, strips
from gateway.cli.bench.figures import REQUESTS, Spread, p50, p95
from gateway.cli.bench.report.table import NOTHING, estimated, model, money, ms, number, percent
from gateway.cli.bench.results import Line, Results

SHADES = 8
"""Colours that colours.css has; the ninth target gets the first one's again."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for each target. `most`: where its thin line ends, if it has one."""

    title: str
    about: str
    value: Callable[[Line], float | None]
    write: Callable[[Line], str]
    most: Callable[[Line], float | None] = lambda _line: None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A target as the charts show it: `shade` is its colour's class."""

    line: Line
    title: str
    shade: str


def cards(results: Results) -> str:
    """Draw all charts: those of times first, then those of speed and money."""
    targets, month = _targets(results.lines), f"A month at {results.savings.daily_tokens:,} tokens a day"
    drawn = [
        _card(TTFT.title, TTFT.about, _bars(TTFT, targets)),
        _card("Every time to first token", "Each dot is a request that was answered.", _dots(targets)),
        *(_card(chart.title, chart.about, _bars(chart, targets)) for chart in CHARTS),
        _card(month, MONTH.about, _bars(MONTH, targets)),
    ]
    return f"<div class=cards>{''.join(drawn)}</div>\n"


def _targets(lines: Sequence[Line]) -> list[Drawn]:
    """Name each by its model alone where all are one provider's: there is little room."""
    alone = len({line.subject.provider for line in lines}) == 1
    return [
        Drawn(line, model(line) if alone else line.subject.label, f"shade-{index % SHADES}")
        for index, line in enumerate(lines)
    ]


def _card(title: str, about: str, drawing: str) -> str:
    return (
        f'<div class="card"><h2>{escape(title)}</h2><p class=soft>{escape(about)}</p>'
        f"{drawing or '<p>nothing was measured</p>'}</div>"
    )


def _bars(chart: Chart, targets: Sequence[Drawn]) -> str:
    return bars([_bar(chart, target) for target in targets])


def _bar(chart: Chart, target: Drawn) -> Bar:
    value, most = chart.value(target.line), chart.most(target.line)
    return Bar(target.shade, target.title, chart.write(target.line), value, value or 0.0, most or 0.0)


def _dots(targets: Sequence[Drawn]) -> str:
    return strips([Strip(target.shade, target.title, _ttfts(target.line)) for target in targets], ms)


def _ttfts(line: Line) -> list[float]:
    return [sample.ttft for sample in line.samples if sample.ttft is not None and sample.failure is None]


def _both(spread: Spread | None) -> str:
    return NOTHING if spread is None else f"{ms(spread.p50)} · {ms(spread.p95)}"


def _month(line: Line) -> str:
    """Write a month's cost, and what part of the baseline's is saved."""
    saved = line.saving.percent
    return money(line.saving.monthly) + (f" (-{percent(saved)})" if saved is not None and round(saved) > 0 else "")


TTFT = Chart(
    "Time to first token",
    "p50; the thin line reaches to p95. Less is better.",
    lambda line: p50(line.figures.ttft),
    lambda line: _both(line.figures.ttft),
    lambda line: p95(line.figures.ttft),
)
CHARTS = (
    Chart(
        "Whole answer",
        "From the request to the end mark, p50; the thin line reaches to p95.",
        lambda line: p50(line.figures.duration),
        lambda line: _both(line.figures.duration),
        lambda line: p95(line.figures.duration),
    ),
    Chart(
        "Gap between chunks, p95",
        "Less is smoother.",
        lambda line: line.figures.gap_p95,
        lambda line: ms(line.figures.gap_p95),
    ),
    Chart(
        "Characters a second",
        "Once it streams. More is better.",
        lambda line: line.figures.chars_per_s,
        lambda line: number(line.figures.chars_per_s),
    ),
    Chart(
        "Tokens a second",
        "Once it streams. More is better.",
        lambda line: line.figures.tokens_per_s,
        lambda line: estimated(line.figures, number(line.figures.tokens_per_s, 1)),
    ),
    Chart(
        f"Cost of {REQUESTS:,} requests",
        "Such as those that were measured.",
        lambda line: line.figures.cost_of_many,
        lambda line: estimated(line.figures, money(line.figures.cost_of_many)),
    ),
)
MONTH = Chart("", "In brackets what is saved against the baseline.", lambda line: line.saving.monthly, _month)
