"""Results as an HTML page. Pure, except that it reads its style sheets."""

from collections.abc import Sequence
from html import escape
from typing import Final

from gateway.cli.bench.charts import Bar, Strip, bars, strips
from gateway.cli.bench.document import COLOURS, chart_card, document, facts, failures, method, section, shade, tile
from gateway.cli.bench.formats import UNKNOWN
from gateway.cli.bench.tables import html_table
from gateway.cli.bench.transports.figures import SIGNIFICANCE
from gateway.cli.bench.transports.report.table import columns, describe_difference, notes, problems
from gateway.cli.bench.transports.results import TITLES, Measure, Results

TILES: Final = ("delay", "ttft", "reconnect", "stop_end")
"""Measures that the top of the page shows."""

METHOD: Final = (
    "In each round every transport had a turn, and each round began with another one. So a busy minute of the machine "
    "or the network hits all of them.",
    "In a turn, answers are read to their ends, as many at once as the concurrency. Then as many are read again, lose "
    "their connection after some chunks, attach to the same answer on a new connection 50 ms later, and are stopped.",
    "Each answer has a connection of its own: name, TCP, TLS and the handshake of a WebSocket are part of its times, "
    "as for the first message of a page. Uncounted answers came first, on each transport.",
    "p50 and p99 are nearest ranks over all answers, chunks or rounds. Of fewer than 100 values, p99 is the greatest.",
    "A dot is the median of one round: how far the dots of one transport lie apart is the noise of this run.",
    "A difference is the median of the rounds' differences between two transports. It counts if so many rounds agree "
    f"on its sign that chance alone would do that in at most {SIGNIFICANCE:.0%} of all runs (a sign test). With fewer "
    "than eight rounds, no difference can count.",
    "Bytes are those of the sockets: heads of HTTP, frames and TLS are included, those of TCP and IP are not.",
    "The client is the Python client of Dualstream, and it shares its machine with all that runs there: the CPU of "
    "a browser is another one.",
)


def page(results: Results) -> str:
    """Return the page."""
    body = (_header(results), _tiles(results), _cards(results), _table(results))
    notes_below = (failures(problems(results)), method(METHOD), _facts(results))
    return document("Dualstream: transports compared", "".join((*body, *notes_below)), COLOURS.read_text("utf-8"))


def _header(results: Results) -> str:
    plan = results.plan
    early = " · interrupted: figures of the answers that had ended" if results.info.interrupted else ""
    names = " and ".join(TITLES[transport] for transport in plan.transports)
    legend = "".join(
        f'<span style="--colour: var(--{shade(index)})">{escape(TITLES[transport])}</span>'
        for index, transport in enumerate(plan.transports)
    )
    return (
        f"<h1>{escape(names)} compared</h1>\n<p class=soft>{escape(results.info.taken)} · {plan.rounds} rounds, "
        f"{plan.concurrency} at once on each{early}</p>\n<div class=legend>{legend}</div>\n"
    )


def _tiles(results: Results) -> str:
    first, *others = results.plan.transports
    known = {measure.name: measure for measure in results.measures}
    tiles = [
        tile(f"{measure.title}, p50", _all_p50(measure, results), _differences(measure, first, others))
        for name in TILES
        if (measure := known.get(name)) is not None
    ]
    return f"<div class=tiles>{''.join(tiles)}</div>\n"


def _all_p50(measure: Measure, results: Results) -> str:
    values = [measure.figures.get(transport) for transport in results.plan.transports]
    # A figure and its unit stay on one line.
    figures = [
        UNKNOWN if value is None else measure.write(value.p50).replace(" ", "\N{NO-BREAK SPACE}") for value in values
    ]
    return " · ".join(figures)


def _differences(measure: Measure, first: str, others: Sequence[str]) -> str:
    texts = [(TITLES[transport], describe_difference(measure, transport, first)) for transport in others]
    return "; ".join(
        f"{name}: no difference beyond chance" if text == "~" else f"{name}: {text}" for name, text in texts
    )


def _cards(results: Results) -> str:
    drawn = "".join(
        chart_card(measure.title, measure.about, _bars(measure, results) + _dots(measure, results))
        for measure in results.measures
    )
    return f"<div class=cards>{drawn}</div>\n"


def _bars(measure: Measure, results: Results) -> str:
    """Draw a bar for each transport: p50, with a thin line to p99."""
    return bars(
        [
            Bar(
                shade(index),
                TITLES[transport],
                UNKNOWN if found is None else f"{measure.write(found.p50)} · {measure.write(found.p99)}",
                None if found is None else found.p50,
                0.0 if found is None else found.p50,
                0.0 if found is None else found.p99,
            )
            for index, transport in enumerate(results.plan.transports)
            for found in [measure.figures.get(transport)]
        ]
    )


def _dots(measure: Measure, results: Results) -> str:
    """Draw a dot for the median of each round."""
    return "<h3>Each round</h3>" + strips(
        [
            Strip(shade(index), TITLES[transport], [*found.rounds.values()])
            for index, transport in enumerate(results.plan.transports)
            if (found := measure.figures.get(transport)) is not None
        ],
        measure.write,
    )


def _table(results: Results) -> str:
    said = "".join(f"<p class=soft>{escape(note)}</p>" for note in notes(results))
    return section("All figures", html_table(columns(results), results.measures) + said)


def _facts(results: Results) -> str:
    plan, machine = results.plan, results.machine
    return facts(
        {
            "ended": results.info.taken,
            "gateway": f"{machine.url}, started for this run" if machine.is_own else machine.url,
            "model": plan.model or "the gateway's own",
            "answers": f"{plan.rounds} rounds, {plan.concurrency} at once, each within {plan.timeout:g} s",
            "machine": f"{machine.system}, {machine.cpus or UNKNOWN} CPUs",
            "load": " to ".join(UNKNOWN if value is None else f"{value:.2f}" for value in machine.load),
            **results.info.versions,
        }
    )
