"""Results as a self-contained page: without scripts, fonts or pictures from elsewhere."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from gateway.cli.bench.charts import Bar, bars
from gateway.cli.bench.document import document
from tests.bench.metric import CLOSE, CPU_PER_REQUEST, CPU_PER_TOKEN, MEMORY_PER_STREAM, Metric
from tests.bench.report.curves import Curve, curves
from tests.bench.report.table import (
    describe_noise,
    format_cell,
    format_figure,
    reference_title,
    references,
    table_lines,
)
from tests.bench.results import Results
from tests.bench.scenarios import OTHERS, SCENARIOS, Scenario
from tests.bench.targets import AGAINST, title_of

COLOURS = Path(__file__).with_name("colours.css")

TILES = (
    ("firehose", CPU_PER_TOKEN, "CPU per token, firehose"),
    ("steady", CPU_PER_TOKEN, "CPU per token, steady"),
    ("short", CPU_PER_REQUEST, "CPU per short answer"),
    ("idle", MEMORY_PER_STREAM, "memory per stream"),
    ("interrupt", CLOSE, "from interrupt to close, p50"),
)


def page(results: Results) -> str:
    """Return the page as HTML."""
    sections = (_head(results), _tiles(results), _cards(results), _table(results), _about(results))
    return document("Dualstream: benchmark", "".join(sections), COLOURS.read_text("utf-8"))


def _head(results: Results) -> str:
    legend = "".join(
        f'<span style="--colour: var(--{_colour(target)})">{escape(title_of(target))}</span>'
        for target in results.targets
    )
    runs = "one run" if results.runs == 1 else f"medians of {results.runs} runs in turns; thin lines show their spread"
    return (
        f"<h1>The cost of streaming</h1>\n<p class=soft>{escape(results.taken)} · {runs}. Less is better everywhere. "
        f"Figures of different machines can't be compared; ratios can.</p>\n<div class=legend>{legend}</div>\n"
    )


def _tiles(results: Results) -> str:
    drawn = [_tile(results, row, metric, title) for row, metric, title in TILES]
    return f"<div class=tiles>{''.join(drawn)}</div>\n"


def _tile(results: Results, row: str, metric: Metric, title: str) -> str:
    ours = results.figure(row, "sse", metric.name)
    if ours is None:
        return ""
    others = [
        f"{value / ours:.1f} times less than {title_of(other)}"
        if value > ours
        else f"{ours / value:.1f} times that of {title_of(other)}"
        for other in OTHERS
        if (value := results.figure(row, other, metric.name))
    ]
    comparison = " · ".join(others) or f"WebSocket: {format_cell(results, row, 'websocket', metric)}"
    return f"<div class=tile>{title}, SSE<b>{format_figure(ours, metric)}</b><span class=soft>{comparison}</span></div>"


def _cards(results: Results) -> str:
    measured = [scenario for scenario in SCENARIOS if any(row.scenario == scenario.name for row in results.rows)]
    cards = "".join(_card(results, scenario) for scenario in measured if len(scenario.rows) == 1)
    growth = "".join(_growth(results, scenario) for scenario in measured if len(scenario.rows) > 1)
    return f"<div class=cards>{cards}</div>\n{growth}"


def _card(results: Results, scenario: Scenario) -> str:
    charts = "".join(
        f"<h3>{_with_unit(metric)}</h3>{chart}"
        for metric in scenario.metrics
        if (chart := _chart(list(_bars(results, scenario, metric))))
    )
    return (
        f'<div class="card"><h2>{escape(scenario.title)}</h2><p class=soft>{escape(scenario.about)}</p>{charts}</div>'
    )


def _chart(drawn: list[Bar]) -> str:
    if drawn and all(bar.value == 0 for bar in drawn):
        return "<p>none</p>"
    return bars(drawn) if drawn else ""


def _bars(results: Results, scenario: Scenario, metric: Metric) -> Iterator[Bar]:
    for target in results.targets:
        runs_it = target.partition(AGAINST)[0] in scenario.targets
        # Another server that can't run this scenario is shown with the one that it is compared by.
        name = scenario.name if runs_it else scenario.compared_with if target in OTHERS else ""
        row = results.row(name, target) if name else None
        if row is None:
            continue
        title = title_of(target)
        values = [run[metric.name] for run in row.runs if metric.name in run]
        text = format_cell(results, name, target, metric)
        if not values:
            yield Bar(_colour(target), title, text)
            continue
        yield Bar(_colour(target), title, text, row.medians[metric.name], min(values), max(values))


def _growth(results: Results, scenario: Scenario) -> str:
    charts = []
    for metric in scenario.metrics:
        drawn = [
            Curve(_colour(target), title_of(target), list(_points(results, scenario, target, metric)))
            for target in results.targets
            if AGAINST not in target
        ]
        charts.append(
            f"<div><h3>{_with_unit(metric)}, by streams</h3>{curves(drawn, lambda value: f'{value:,.0f}')}</div>"
        )
    return (
        f'<div class="card"><h2>{escape(scenario.title)}</h2><p class=soft>{escape(scenario.about)}</p>'
        f"<div class=pair>{''.join(charts)}</div></div>"
    )


def _points(results: Results, scenario: Scenario, target: str, metric: Metric) -> Iterator[tuple[float, float]]:
    for shape, name in zip(scenario.shapes, scenario.rows, strict=True):
        value = results.figure(name, target, metric.name)
        if value is not None:
            yield float(shape.streams), value


def _table(results: Results) -> str:
    compared = references(results)
    titles = ("", "", "", "median", "lowest to highest", *(f"÷ {reference_title(name)}" for name in compared))
    head = "".join(f"<th>{title}</th>" for title in titles)
    body, before = [], ("", "")
    for line in table_lines(results):
        title = "" if line.title == before[0] else line.title
        metric = "" if (line.title, line.metric) == before else line.metric
        before = line.title, line.metric
        texts = (title, metric, title_of(line.target), line.median, line.spread)
        cells = [f"<td>{escape(text)}</td>" for text in texts]
        cells += [_ratio(line.ratios.get(name, "")) for name in compared]
        body.append(f"<tr>{''.join(cells)}</tr>\n")
    return (
        f"<section class=card><h2>All figures</h2><div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div></section>\n"
    )


def _ratio(text: str) -> str:
    kind = "" if not text or float(text) == 1 else ' class="less"' if float(text) < 1 else ' class="more"'
    return f"<td{kind}>{text}</td>"


def _about(results: Results) -> str:
    items = [*results.machine.items(), *results.versions.items(), ("noise", describe_noise(results))]
    items += [(title_of(name), f"left out: {reason}") for name, reason in results.skipped.items()]
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in items)
    problems = "".join(
        f"<p class=bad>{escape(f'{row.name}, {title_of(row.target)}: {problem}')}</p>"
        for row in results.rows
        for problem in row.problems
    )
    wrong = f"<section class=card><h2>What went wrong</h2>{problems}</section>\n" if problems else ""
    return f"{wrong}<section class=card><h2>Measured on</h2><dl>{pairs}</dl></section>\n"


def _colour(target: str) -> str:
    """Return the class of a target in the style sheet: all other revisions have one colour."""
    return "before" if AGAINST in target else target


def _with_unit(metric: Metric) -> str:
    return escape(f"{metric.title}, {metric.unit}" if metric.unit else metric.title)
