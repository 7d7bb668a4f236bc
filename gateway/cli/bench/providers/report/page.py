"""Results as an HTML page. Pure, except that it reads its style sheet."""

from collections.abc import Callable
from html import escape

from gateway.cli.bench.document import COLOURS, document, facts, failures, method, section, tile
from gateway.cli.bench.formats import UNKNOWN, money, ms, number
from gateway.cli.bench.providers.figures import REQUESTS, p50
from gateway.cli.bench.providers.report.cards import cards
from gateway.cli.bench.providers.report.table import performance, problems, roi, roi_title
from gateway.cli.bench.providers.results import Line, Results
from gateway.cli.bench.tables import html_table

METHOD = (
    "TTFT, the time to first token: from sending the request to the first read with content, which may be text, "
    "reasoning or a tool call.",
    "chars/s and tokens/s: the median over the requests of the content after that first read, divided by the time from "
    "it to the last read with content. Tokens are assumed to be spread evenly over the characters.",
    "gap: the time between two successive reads with content, over all requests of a target.",
    "p50 and p95 are nearest ranks: the smallest measured value that 50 % or 95 % of the values do not exceed. Of "
    "fewer than 20 values, p95 is the greatest.",
    "Cost: the average usage of the answered requests at the configured price, else the published one that Dualstream "
    "knows; cached input has its own price. The prices of the simulator's models are invented.",
    "A month: the daily tokens at the blended price of input and output. The mix is the same for all targets, without "
    "cached input.",
    "In each round every target had one turn, with as many requests at once as the concurrency; each round started "
    "with another target. There were no retries and no failover. Figures are of answered requests only.",
    f"{UNKNOWN}: not known. ~: based on estimated tokens, one per four bytes of text.",
)


def page(results: Results) -> str:
    """Return the page."""
    figures = (_header(results), _tiles(results), cards(results), _tables(results))
    notes = (failures(problems(results)), method(METHOD), _facts(results))
    return document("Dualstream: models compared", "".join((*figures, *notes)), COLOURS.read_text("utf-8"))


def _header(results: Results) -> str:
    plan = results.plan
    early = " · interrupted: figures of the requests that had ended" if results.interrupted else ""
    return (
        f"<h1>Models compared</h1>\n<p class=soft>{escape(results.taken)} · {plan.requests} requests to each target, "
        f"{plan.concurrency} at once, up to {plan.max_tokens:,} tokens an answer{early}</p>\n"
    )


def _tiles(results: Results) -> str:
    tiles = (
        _best(results, "lowest TTFT, p50", lambda line: p50(line.figures.ttft), ms),
        _best(results, "fastest, chars/s", lambda line: line.figures.chars_per_s, number, highest=True),
        _best(results, f"cheapest, {REQUESTS:,} requests", lambda line: line.figures.cost_of_many, money),
        _best(results, "highest savings a month", lambda line: line.saving.saved, money, highest=True),
    )
    return f"<div class=tiles>{''.join(tiles)}</div>\n"


def _best(
    results: Results,
    title: str,
    value: Callable[[Line], float | None],
    write: Callable[[float], str],
    *,
    highest: bool = False,
) -> str:
    answered = [line for line in results.lines if line.figures.answered]
    known = [(figure, line) for line in answered if (figure := value(line)) is not None]
    if not known:
        return ""
    best, line = (max if highest else min)(known, key=lambda pair: pair[0])
    return tile(title, write(best), line.subject.label)


def _tables(results: Results) -> str:
    return section("All figures", html_table(performance(), results.lines)) + section(
        "Cost of a month", html_table(roi(results), results.lines), roi_title(results)
    )


def _facts(results: Results) -> str:
    plan = results.plan
    described = {
        "ended": results.taken,
        "requests": f"{plan.requests} to each target, {plan.concurrency} at once"
        + (", and one uncounted request to warm up" if plan.warm_up else ""),
        "answers": f"up to {plan.max_tokens:,} tokens, within {plan.timeout:g} s",
        "prompts" if len(plan.prompts) > 1 else "prompt": " · ".join(plan.prompts),
        **results.versions,
    }
    return facts(described)
